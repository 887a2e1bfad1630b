"""What is told of each HTTP call of a provider: counted, logged, and traced where an operator wants traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.providers.port import Reporter

if TYPE_CHECKING:
    from worker.tracing.spans import Spans

log = structlog.get_logger()

#: The operation that makes a provider charge: each such call is in the log.
SPENDING_OPERATION = "submit"


class ProviderCalls(Reporter):
    """Tells of the calls of one account. They happen in the thread of their step, so that lines carry its ids."""

    def __init__(self, provider: str, account: str, counting: Reporter, spans: Spans) -> None:
        self._provider = provider
        self._account = account
        self._counting = counting
        self._spans = spans

    def call_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """One HTTP call ended; at `info` if it was to spend."""
        self._counting.call_finished(operation, outcome, seconds)
        self._spans.call(self._provider, self._account, operation, outcome, seconds)
        took = round(seconds, 3)
        if operation == SPENDING_OPERATION:
            log.info("spending_call", account=self._account, operation=operation, outcome=outcome, seconds=took)
        else:
            log.debug("reading_call", account=self._account, operation=operation, outcome=outcome, seconds=took)

    def soft_error(self, operation: str, reason: str) -> None:
        """A call that HTTP calls a success and the provider calls an error: counted, and told by its decision."""
        self._counting.soft_error(operation, reason)

    def unknown_word(self, operation: str, word: str) -> None:
        """The provider used a word that the adapter does not know: counted; every look may see it again."""
        self._counting.unknown_word(operation, word)
