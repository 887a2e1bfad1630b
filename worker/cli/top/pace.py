"""How fast rows go through: what the outcome counters have grown by in the last minute."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from worker.core.rows import RowState

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds over which a rate is taken.
WINDOW_SECONDS = 60.0
_DELIVERED = frozenset(map(str, RowState))


class Rows(NamedTuple):
    """Rows of all providers and kinds since the counters began."""

    #: Sent to a provider, and brought back in a result, whatever became of them.
    sent: int
    delivered: int

    @classmethod
    def of(cls, counters: Mapping[str, int]) -> Rows:
        """What the outcome counters tell."""
        rows = [name.split("|") for name in counters if name.startswith("rows|")]
        sent = sum(counters["|".join(words)] for words in rows if words[-1] == "sent")
        return cls(sent, sum(counters["|".join(words)] for words in rows if words[-1] in _DELIVERED))


class Rate(NamedTuple):
    """Rows a minute."""

    sent: float
    delivered: float


class Pace:
    """Remembers the counters of the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Rows]] = deque()

    def rate(self, at: float, rows: Rows) -> Rate | None:
        """The rate up to this moment, by the store's clock; `None` at the first one, and when the counters went back.

        A database that was emptied or set back begins a new count.
        """
        if self._seen and (rows < self._seen[-1][1] or at <= self._seen[-1][0]):
            self._seen.clear()
        self._seen.append((at, rows))
        while len(self._seen) > 2 and at - self._seen[1][0] >= WINDOW_SECONDS:  # noqa: PLR2004 - a rate needs two
            self._seen.popleft()
        since, before = self._seen[0]
        if at <= since:
            return None
        minutes = (at - since) / 60.0
        return Rate((rows.sent - before.sent) / minutes, (rows.delivered - before.delivered) / minutes)
