"""The heartbeat: a thread in every working process that says that the process lives, and does nothing else.

A process that is silent for the heartbeat timeout is taken for dead and its messages are run by others, so this waits
for no other work of the process: not for a long re-arm, nor for threads that are all busy and fetch nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog
from dramatiq.errors import BrokerConnectionError

from worker.store.errors import StoreError

if TYPE_CHECKING:
    from worker.broker.sorted_set import SortedSetBroker
    from worker.store.pulse import Pulse

log = structlog.get_logger()

#: Beats within the time after which a silent process is taken for dead.
BEATS_PER_TIMEOUT = 6


class Heartbeat(threading.Thread):
    """Beats the process's heart."""

    def __init__(self, broker: SortedSetBroker, timeout_seconds: float, pulse: Pulse | None = None) -> None:
        """`timeout_seconds` without a beat make the process a dead one; `pulse` is for those who watch it.

        Starts when asked to; stops with `stop`.
        """
        super().__init__(name="heartbeat", daemon=True)
        self._broker = broker
        self._pulse = pulse
        self._period_seconds = timeout_seconds / BEATS_PER_TIMEOUT
        self._stopping = threading.Event()

    def run(self) -> None:
        """Beat until stopped. An outage of Redis is waited out: nobody is taken for dead while it lasts."""
        while not self._stopping.is_set():
            try:
                self._broker.beat()
                if self._pulse is not None:
                    self._pulse.beat()
            except (BrokerConnectionError, StoreError) as error:
                log.warning("heartbeat_missed", error=str(error), seconds=self._period_seconds)
            self._stopping.wait(self._period_seconds)

    def stop(self) -> None:
        """Stop after the present beat."""
        self._stopping.set()
