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

#: Longest sleep for a token, seconds; what would take longer is looked at again later, unless its caller is patient.
WAIT_SECONDS_MAX = 1.0
#: Calls that may follow each other at once after a rest.
BURST_CALLS = 4
#: Longest wait of a patient caller for one token, seconds; well beyond a walk's share of one call in a second.
PATIENT_CALL_SECONDS = 120.0
#: Longest waits of a patient caller for all its tokens together, seconds.
PATIENT_SECONDS = 600.0


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

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Within it the calls of this thread wait for their share of the rate, however many more urgent ones there are.

        At most `PATIENT_CALL_SECONDS` each and `PATIENT_SECONDS` together, then no longer than any other call.
        """
        self._taken.patience_seconds = PATIENT_SECONDS
        try:
            yield
        finally:
            self._taken.patience_seconds = 0.0

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
        """Take a token, sleeping at most a bounded second, unless `patient`; raises `OwnRateReached` beyond that."""
        if getattr(self._taken, "ahead", False):
            self._taken.ahead = False
        else:
            self._take(operation)

    def _take(self, operation: str) -> None:
        urgency = min(URGENCIES.get(operation, Urgency.WORK), self._at_least())
        patience_seconds: float = getattr(self._taken, "patience_seconds", 0.0)
        slept_seconds_max = max(min(patience_seconds, PATIENT_CALL_SECONDS), WAIT_SECONDS_MAX)
        slept = 0.0
        while True:
            wait_seconds = self._store.take_token(self._account, self._interval_seconds, BURST_CALLS, urgency)
            if not wait_seconds:
                return
            if slept + wait_seconds > slept_seconds_max:
                break
            # In steps that keep the claim on a token alive.
            step_seconds = min(wait_seconds, WAIT_SECONDS_MAX)
            self._sleep(step_seconds)
            slept += step_seconds
            self._taken.patience_seconds = max(patience_seconds - slept, 0.0)
            self._waited(step_seconds)
        raise OwnRateReached(
            f"The account's own call rate is used up; {operation} waits {wait_seconds:.1f} s.",
            retry_after_seconds=wait_seconds,
        )
