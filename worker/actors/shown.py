"""What a walk showed, as the drift of the account is told from it: each job once, with its part as that was before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.core.drift.predicates import is_settled
from worker.core.drift.views import ListedJob

if TYPE_CHECKING:
    from worker.core.records import PartRecord
    from worker.providers.port import Observation


@dataclass(slots=True)
class Shown:
    """Grows with a walk, by what may be drift: a job that is its part's and all done is not kept."""

    #: Parts as they were before the walk moved them, by id.
    parts: dict[str, PartRecord] = field(default_factory=dict)
    #: Jobs that parts have, by remote id.
    jobs: dict[str, ListedJob] = field(default_factory=dict)
    #: Jobs that carry a part's token and are not the one that it had, by the part's id.
    named: dict[str, list[ListedJob]] = field(default_factory=dict)
    #: Jobs that no part has and no purged upload had, by remote id.
    unowned: dict[str, ListedJob] = field(default_factory=dict)

    def of_part(self, part: PartRecord, job: Observation, token: str | None) -> None:
        """A job that is a part's, by its id or by its name."""
        seen = listed(job, token)
        if is_settled(part, seen):
            return
        self.parts.setdefault(part.part_id, part)
        if part.remote_id == job.remote_id:
            self.jobs[job.remote_id] = seen
        else:
            self.named.setdefault(part.part_id, []).append(seen)

    def of_nobody(self, job: Observation, token: str | None) -> None:
        """A job that nobody here has."""
        self.unowned[job.remote_id] = listed(job, token)


def listed(job: Observation, token: str | None) -> ListedJob:
    """A job of the list without what is not needed of it."""
    return ListedJob(
        remote_id=job.remote_id,
        status=str(job.status),
        word=job.word,
        kind=job.kind,
        rows=job.total_rows,
        progress=job.progress,
        token=token,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )
