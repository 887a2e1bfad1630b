"""What one walk over an account's remote list showed, and what each job of it means here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from worker.core.drift.classes import ACCOUNT_MISMATCH
from worker.core.observe import Seen, Terms, rode_along
from worker.core.part import learn

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.core.schedule import PollPolicy


class SweepOutcome(StrEnum):
    """What came of a sweep."""

    COMPLETE = "complete"
    #: Some of the list was not read, or jobs slipped while it was.
    INCOMPLETE = "incomplete"
    #: The list leaves out so many jobs that it is not believed; see `worker.core.drift.breaker`.
    ACCOUNT_MISMATCH = ACCOUNT_MISMATCH


@dataclass(slots=True)
class Sweep:
    """The tally of one walk. Nothing may be concluded from what an incomplete walk did not show."""

    began_at: float
    #: Whether every page was read, and as many jobs were seen as the provider counts.
    complete: bool = False
    #: Whether besides no job can have slipped from one page to another unseen: what was not shown is not there.
    proven: bool = False
    #: List calls of this walk; pages that an earlier one has kept cost none.
    pages: int = 0
    #: Jobs by normalised status; a job that moved to another page meanwhile counts once.
    jobs: dict[str, int] = field(default_factory=dict)
    #: Jobs of parts of this installation.
    ours: int = 0
    #: Jobs that carry one of our tokens and belong to no part.
    orphans: int = 0
    #: Jobs that it was to show and has not; the next sweep then finds out whether they are there.
    unseen: int = 0
    #: A word of `SweepOutcome`, empty for a walk that only searched; and how long it took, seconds.
    outcome: str = ""
    seconds: float = 0.0
    #: When what it showed was compared with what is known here, by the store's clock, epoch seconds; 0.0 where it was
    #: not: what the records have learned since then is new to the next sweep.
    judged_at: float = 0.0

    def count(self, status: str) -> None:
        """One more job of this status."""
        self.jobs[status] = self.jobs.get(status, 0) + 1


def seen_in_list(part: PartRecord, remote_id: str, seen: Seen, now: float, policy: PollPolicy) -> Change | None:
    """What a listed job means for the part it belongs to, or whose token it carries; `None` when it changes nothing.

    It is a look like any other: a job that finished is collected at once, and one under way is looked at again no later
    than it would have been after its last look. An attempt of unknown outcome whose token is in the list is resolved:
    the token is the part's fingerprint, so the job is the part's. No decision taken here spends.
    """
    if part.remote_id != remote_id:
        return learn(part, remote_id, "list", now, look_at=now)
    looked_at = part.observed_at or part.submitted_at or now
    before_seconds = (part.due_at or now) - looked_at
    return rode_along(part, seen, now, policy, Terms(wait_seconds_max=before_seconds))
