"""What an account can still spend, asked now: one call that only reads, with a short deadline."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.providers.errors import ProviderError

if TYPE_CHECKING:
    from worker.providers.port import Provider

#: Seconds that somebody at a command line waits for a balance.
DEADLINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits that an account has, or why nobody knows."""

    credits: int | None
    unknown: str = ""


def balance_of(provider: Provider, deadline_seconds: float = DEADLINE_SECONDS) -> Balance:
    """The account's balance by its provider's adapter, or why it cannot be had."""
    answer: Future[Balance] = Future()

    def ask() -> None:
        try:
            answer.set_result(_asked(provider))
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is waited for
            answer.set_exception(error)

    # A call has no deadline for all of it, so it is left behind at the end of the time, and ends with the process.
    threading.Thread(target=ask, name="balance", daemon=True).start()
    try:
        return answer.result(deadline_seconds)
    except TimeoutError:
        return Balance(None, f"the provider did not answer within {deadline_seconds:g} s")


def _asked(provider: Provider) -> Balance:
    try:
        return Balance(provider.credits().balance)
    except ProviderError as error:
        return Balance(None, str(error))
