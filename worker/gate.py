"""The call rate of an account, shared by all processes: no call to a provider without a token."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.core.urgency import URGENCIES, Urgency
from worker.providers.errors import OwnRateReached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.store.store import Store

#: Longest sleep for a token, seconds; what would take longer is looked at again later.
WAIT_SECONDS_MAX = 1.0
#: Calls that may follow each other at once after a rest.
BURST_CALLS = 4


class StoreGate:
    """Takes tokens from the store; implements `worker.providers.port.Gate`."""

    def __init__(
        self,
        store: Store,
        account: str,
        requests_per_second: float,
        waited: Callable[[float], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`waited` is told the seconds of each wait, which `sleep` lets pass."""
        self._store = store
        self._account = account
        self._interval_seconds = 1.0 / requests_per_second
        self._waited = waited
        self._sleep = sleep
        self._taken = threading.local()

    @contextmanager
    def urgent(self, urgency: Urgency) -> Iterator[None]:
        """Within it no call of this thread is less urgent than `urgency`."""
        before = self._at_least()
        self._taken.urgency = urgency
        try:
            yield
        finally:
            self._taken.urgency = before

    def _at_least(self) -> Urgency:
        at_least: Urgency = getattr(self._taken, "urgency", Urgency.WALK)
        return at_least

    def prepare(self, operation: str) -> None:
        """Take the token of this thread's next call now, before anything is written for it. Raises as `acquire`.

        A token that was taken for a call that did not come is still there: parts that wait for a place on their account
        would otherwise use up its rate by looking.
        """
        if not getattr(self._taken, "ahead", False):
            self._take(operation)
            self._taken.ahead = True

    def acquire(self, operation: str) -> None:
        """Take a token, sleeping at most a bounded second; raises `OwnRateReached` when that is not enough."""
        if getattr(self._taken, "ahead", False):
            self._taken.ahead = False
        else:
            self._take(operation)

    def _take(self, operation: str) -> None:
        urgency = min(URGENCIES.get(operation, Urgency.WORK), self._at_least())
        slept = 0.0
        while True:
            wait_seconds = self._store.take_token(self._account, self._interval_seconds, BURST_CALLS, urgency)
            if not wait_seconds:
                return
            if slept + wait_seconds > WAIT_SECONDS_MAX:
                break
            self._sleep(wait_seconds)
            slept += wait_seconds
            self._waited(wait_seconds)
        raise OwnRateReached(
            f"The account's own call rate is used up; {operation} waits {wait_seconds:.1f} s.",
            retry_after_seconds=wait_seconds,
        )
