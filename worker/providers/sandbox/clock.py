"""Time as a simulated provider sees it."""

from __future__ import annotations

import threading
import time
from typing import Protocol

#: Epoch seconds at which a manual clock starts: 2026-01-01T00:00:00Z.
MANUAL_START_SECONDS = 1_767_225_600.0


class TimeSource(Protocol):
    """Tells the provider's time."""

    def now(self) -> float:
        """Epoch seconds."""


class Clock:
    """Wall time, from its making on `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._started_at = time.time()
        self._started_monotonic = time.monotonic()

    def now(self) -> float:
        """Epoch seconds; never goes back."""
        return self._started_at + (time.monotonic() - self._started_monotonic) * self._speed


class ManualClock:
    """Time that stands still until it is advanced."""

    def __init__(self, now: float = MANUAL_START_SECONDS) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        """Epoch seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds
