"""How long to wait before an ended process is started again, and when to give up. Pure: the caller brings the time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class RestartLimits:
    """Bounds on starting one process again and again."""

    #: Wait before the first restart; doubles with each one that follows.
    first_delay_seconds: float = 0.5
    #: Upper bound of that wait.
    longest_delay_seconds: float = 30.0
    #: A process that ran this long was well: the wait starts from the first delay again.
    healthy_seconds: float = 60.0
    #: Restarts within the window after which the process is not started again.
    restarts: int = 10
    #: Length of that window.
    window_seconds: float = 300.0


DEFAULT_LIMITS: Final = RestartLimits()


class RestartHistory:
    """The recent restarts of one process."""

    def __init__(self, limits: RestartLimits = DEFAULT_LIMITS) -> None:
        """Start with no restarts behind us."""
        self._limits = limits
        self._restarted_at_seconds: deque[float] = deque()
        self._in_a_row = 0

    def next_delay_seconds(self, *, now_seconds: float, ran_seconds: float) -> float | None:
        """Record that the process ended at `now_seconds` after `ran_seconds`; return the wait, or None to give up."""
        limits = self._limits
        recent = self._restarted_at_seconds
        while recent and recent[0] <= now_seconds - limits.window_seconds:
            recent.popleft()
        if len(recent) >= limits.restarts:
            return None
        recent.append(now_seconds)
        if ran_seconds >= limits.healthy_seconds:
            self._in_a_row = 0
        delay_seconds = min(limits.longest_delay_seconds, limits.first_delay_seconds * 2.0**self._in_a_row)
        self._in_a_row += 1
        return delay_seconds
