"""What is known of a part in quarantine, gathered and shown before anybody decides about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from worker.actors.attempts import Remembered, remembered
from worker.cli.remote_jobs import JOBS_TOLD_MAX
from worker.cli.tables import print_fields, print_heading
from worker.cli.wording import moment
from worker.core.next_step import ways_out
from worker.core.resolve import Recorded
from worker.core.retry import rows_paid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.remote_jobs import Listed
    from worker.core.records import PartRecord
    from worker.providers.port import Observation
    from worker.storage import Storage
    from worker.store.store import Store


@dataclass(frozen=True, slots=True)
class Known:
    """A part, what storage remembers of its attempts, and what its provider's list shows if that was asked for."""

    part: PartRecord
    attempts: list[Remembered]
    listed: Listed | None = None

    def as_document(self) -> dict[str, object]:
        """The same for programs; times are epoch seconds."""
        listed = None
        if self.listed is not None:
            jobs = [_job_document(job) for job in self.listed.jobs[:JOBS_TOLD_MAX]]
            listed = {"jobs": jobs, "incomplete": self.listed.incomplete}
        return {
            "reason": self.part.reason,
            "message": self.part.message,
            "rows": self.part.rows,
            "rows_maybe_paid": rows_paid(self.part),
            "attempts": [asdict(each) for each in self.attempts],
            "remote_ids": [found.model_dump() for found in self.part.evidence],
            "listed": listed,
        }

    def show(self) -> None:
        """Print it for people."""
        part = self.part
        print_heading(f"Part {part.part_id} ({part.state})")
        print_fields(self._fields())
        if part.undecided:
            for command in ways_out(part):
                click.echo(f"  {command}")

    def _fields(self) -> Iterator[tuple[str, object]]:
        part = self.part
        yield "reason", part.message or part.reason.replace("_", " ")
        yield "values", f"{part.rows:,}, of which {rows_paid(part):,} may have been paid for"
        for attempt in self.attempts:
            yield f"attempt {attempt.number}", _attempt_told(attempt)
        for found in part.evidence:
            yield f"remote job {found.remote_id}", f"named by {found.how.replace('_', ' ')} at {moment(found.at)}"
        if self.listed is not None:
            for job in self.listed.jobs[:JOBS_TOLD_MAX]:
                yield f"listed job {job.remote_id}", _job_told(job)
            more = len(self.listed.jobs) - JOBS_TOLD_MAX
            told = f"{more:,} more jobs may be it" if more > 0 else "no other job may be it"
            yield "provider's list", self.listed.incomplete or told


def recorded_at(store: Store, storage: Storage, part: PartRecord) -> Recorded:
    """What storage knows of the attempt at which the part is stopped. Raises `StorageError`, `Later`."""
    number = part.attempt.number if part.attempt else part.attempts
    for attempt in remembered(storage, part.token):
        if attempt.number == number:
            return _recorded(store, part, attempt)
    return Recorded()


def _recorded(store: Store, part: PartRecord, attempt: Remembered) -> Recorded:
    outcome = attempt.outcome
    if outcome is None:
        return Recorded(over_at=attempt.over_at)
    owner = None if outcome.remote_id is None else store.part_of_remote(part.remote_scope, outcome.remote_id)
    return Recorded(outcome.remote_id, None if owner == part.part_id else owner, outcome.unspent, attempt.over_at)


def _attempt_told(attempt: Remembered) -> str:
    by = f" by {attempt.process}" if attempt.process else ""
    at = f" at {moment(attempt.at)}" if attempt.at is not None else ""
    match attempt.outcome:
        case None:
            became = "its outcome is not known"
        case outcome if outcome.remote_id is not None:
            became = f"accepted as job {outcome.remote_id}"
        case outcome:
            became = f"closed: {str(outcome.unspent).replace('_', ' ')}"
    return f"made{at}{by}; {became} ({attempt.object})"


def _job_told(job: Observation) -> str:
    rows = "" if job.total_rows is None else f", {job.total_rows:,} rows"
    begun = "" if job.started_at is None else f", begun {moment(job.started_at)}"
    return f"{job.status}{rows}{begun}"


def _job_document(job: Observation) -> dict[str, object]:
    return {
        "remote_id": job.remote_id,
        "status": str(job.status),
        "rows": job.total_rows,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
    }
