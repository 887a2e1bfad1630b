"""What this process leaves to a newer one: counted every time, told in the log now and then.

Work that only a newer program can read comes up again and again until one runs, so the log is bounded by time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.metrics import Metrics

log = structlog.get_logger()

#: Seconds between two entries in the log about what is left alone; what lies between is counted in the next one.
TELL_SECONDS = 60.0
#: What to do, by the reason for which something is left.
REMEDIES = {
    "later": "Finish the upgrade: start processes of the later version, and stop this one.",
    "damaged": "Restore the record from a backup; nothing is done with it until then.",
}


class Leaving:
    """Notes what is left. Safe to use from several threads; make one per process."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._silent_until: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def left(self, queue: str, reason: str, **told: str) -> None:
        """Something of `queue` was left alone, because it is `later` than this program, or `damaged`."""
        self._metrics.message_stale(queue, reason)
        with self._lock:
            now = self._clock()
            if now < self._silent_until.get(reason, now):
                self._untold[reason] = self._untold.get(reason, 0) + 1
                return
            self._silent_until[reason] = now + TELL_SECONDS
            untold = self._untold.pop(reason, 0)
        log.error("left_alone", queue=queue, why=reason, untold=untold, remedy=REMEDIES[reason], **told)
