"""The breaker: where a sweep does not show many jobs at once, it is the list that is wrong, not the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from worker.core.drift.classes import ACCOUNT_MISMATCH
from worker.core.drift.existence import LIVE, not_shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.core.drift.views import PartCase

#: Largest fraction of an account's live jobs that one complete sweep may not show.
MISSING_FRACTION_MAX = 0.2
#: Fewest missing jobs for which that is said: of very few, one is a large fraction.
MISSING_PARTS_MIN = 3


class Breaker(NamedTuple):
    """How many jobs of an account a sweep did not show."""

    live: int
    missing: int
    #: Besides these, jobs of parts that wait for a person because their job is not shown: they take nothing from what a
    #: list is worth, however long nobody decides.
    stopped: int = 0

    @property
    def tripped(self) -> bool:
        """Whether so many are missing that nothing of the account is repaired."""
        return self.missing >= MISSING_PARTS_MIN and self.missing > MISSING_FRACTION_MAX * self.live

    @property
    def unseen(self) -> int:
        """Jobs that the sweep was to show and has not: the next one has to prove that they are not there."""
        return self.missing + self.stopped

    @property
    def outcome(self) -> str:
        """The outcome of the sweep that this means, empty without one."""
        return ACCOUNT_MISMATCH if self.tripped else ""


def mass_disappearance(cases: Iterable[PartCase]) -> Breaker:
    """Count what one sweep did not show, whether or not it showed a job of ours: another account's list shows none."""
    live = missing = stopped = 0
    for case in cases:
        if case.part.state in LIVE and case.part.remote_id is not None:
            live += 1
            missing += not_shown(case) and not case.is_past_retention
        else:
            stopped += not_shown(case)
    return Breaker(live, missing, stopped)
