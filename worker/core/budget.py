"""An account's budget: how many rows may be submitted on one day (UTC), and what is told when a part does not fit.

A part that does not fit waits for the next day; other than a producer's list it was accepted, and nobody has to send it
again. What a part takes of a day follows from its record: the credits it has reserved or committed, for the day on
which it reserved them. Released credits are given back to the day while it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.core.retention import DAY_SECONDS

if TYPE_CHECKING:
    from worker.core.records import PartRecord

#: Why a part is held that does not fit into its account's day.
BUDGET_REASON = "budget"


def budget_day(now: float) -> int:
    """The day (UTC, days since 1970) that a time belongs to."""
    return int(now // DAY_SECONDS)


def next_day_at(now: float) -> float:
    """When the day (UTC) after that of `now` begins, epoch seconds: what does not fit into this one is due then."""
    return (budget_day(now) + 1) * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class BudgetDay:
    """What an account has reserved and committed on one day, and may."""

    used_rows: int
    most_rows: int
    #: Epoch seconds of the next day's beginning.
    ends_at: float

    @property
    def left_rows(self) -> int:
        """Rows that still fit into the day."""
        return max(self.most_rows - self.used_rows, 0)

    def why_not(self, part: PartRecord) -> str:
        """Why the part waits, as a sentence."""
        may = f"account {part.account} may submit {self.most_rows:,} rows a day (rows_per_day_max)"
        if part.rows > self.most_rows:
            return f"The part has {part.rows:,} rows and {may}: it fits into no day until that is raised."
        moment = datetime.fromtimestamp(self.ends_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        left = f"{self.used_rows:,} are used and the part has {part.rows:,}"
        return f"{may[0].upper()}{may[1:]}; {left}. Counting begins anew at {moment}."
