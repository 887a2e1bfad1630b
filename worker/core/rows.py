"""Row accounting: every row of an input ends in exactly one of five ways."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from worker.core.errors import CoreError


class RowState(StrEnum):
    """What became of one row."""

    #: The first row with its value, and the value's verdict is known.
    MATCHED = "matched"
    #: A later row with a value that was sent once; it has the same verdict.
    FOLDED = "folded"
    #: There is no value in it.
    EMPTY = "empty"
    #: Its value was deliberately not sent.
    WITHHELD = "withheld"
    #: Its value has no verdict.
    MISSING = "missing"


class RowsNotConserved(CoreError):
    """Rows were lost or invented on the way; this is a defect, and the result must not be published."""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """How many rows there are, and how many ended each way."""

    rows: int
    matched: int
    folded: int
    empty: int
    withheld: int
    missing: int

    @property
    def conserved(self) -> bool:
        """Whether every row is accounted for exactly once."""
        ends = (self.matched, self.folded, self.empty, self.withheld, self.missing)
        return min(ends) >= 0 and sum(ends) == self.rows

    @property
    def partial(self) -> bool:
        """Whether some value has no verdict, so that the result may not be called complete."""
        return self.missing > 0

    def check(self) -> RowCounts:
        """Return the counts when they are conserved; raises `RowsNotConserved`."""
        if not self.conserved:
            raise RowsNotConserved(
                f"{self.rows} rows came in, but {self.matched} matched + {self.folded} folded + {self.empty} empty + "
                f"{self.withheld} withheld + {self.missing} missing went out; keep the input and report this.",
            )
        return self
