"""Credits that an upload does not cost, because values of its list need not be sent: one credit for each such row.

A row without a value saves nothing: it would not have been charged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Savings:
    """Credits saved, by reason."""

    #: Rows with a value that an earlier row has.
    folded: int = 0
    #: Rows whose values are deliberately not sent.
    withheld: int = 0
    #: Values whose verdicts were taken over from earlier verifications.
    reused: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())

    def __str__(self) -> str:
        """In words, without the reasons that saved nothing; empty where nothing was saved."""
        reasons = ", ".join(f"{saved:,} {reason}" for reason, saved in asdict(self).items() if saved)
        return f"{self.total:,} credits ({reasons})" if reasons else ""
