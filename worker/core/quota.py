"""A producer's quota: how many rows it may have verified on one day, and what it is told when a list does not fit.

A list that does not fit fails before anything is spent. It does not wait for the next day: a producer that has gone mad
would pile up lists that are all paid for at midnight, and one that is merely busy learns at once that it has to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.core.retry import SOURCES_KEPT
from worker.core.upload import fail

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import UploadRecord


@dataclass(frozen=True, slots=True)
class Day:
    """What a producer has had verified on the present day (UTC), and may have."""

    used_rows: int
    most_rows: int
    #: Epoch seconds of the next day's beginning.
    ends_at: float

    @property
    def left_rows(self) -> int:
        """Rows that still fit into the day."""
        return max(self.most_rows - self.used_rows, 0)


def over_quota(upload: UploadRecord, rows: int, day: Day, now: float, retention_days: float) -> Change:
    """The upload's `rows` do not fit into its producer's day: it fails, unspent."""
    message = f"{_used(upload.producer, day)} and this list has {rows:,} to be paid for. Nothing was spent. "
    if rows > day.most_rows:
        message += "It fits into no day: split the list, or have the limit raised (BULKVERIFY_PRODUCER_ROWS_PER_DAY_…)."
    else:
        message += f"Counting begins anew at {_moment(day.ends_at)}; {_then(upload)}"
    return fail(upload, now, "producer_quota", message, retention_days)


def _then(upload: UploadRecord) -> str:
    """What to do when counting has begun anew."""
    if SOURCES_KEPT.issuperset(upload.source):
        return f"`bulkverify retry {upload.upload_id}` works then."
    return "then send it with `again` or another upload_id."


def _used(producer: str, day: Day) -> str:
    who = f"The producer {producer!r}" if producer else "Requests without a producer together"
    return f"{who} may have {day.most_rows:,} rows a day; {day.used_rows:,} are used"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
