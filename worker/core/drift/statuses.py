"""Where a job stands: each predicate tells what of that differs between here and there, or `None`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.cancel import NOT_COLLECTED
from worker.core.drift.classes import DriftClass
from worker.core.drift.existence import ENDED_WITHOUT
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import ListedJob, PartCase
    from worker.core.records import PartRecord

#: Statuses of a job that is not done and may be.
UNDER_WAY = frozenset({"queued", "running"})


def stale_local(case: PartCase) -> Evidence | None:
    """The list knows more of the job than its part, for longer than the looks at it explain."""
    part, job, now = case.part, case.job, case.occasion.now
    if job is None or case.busy or job.status == "aborted":
        return None
    turned_up = _stopped_as(part, DriftClass.MISSING_REMOTE)
    turned_up |= _stopped_as(part, DriftClass.STATUS_REGRESSION) and job.status == "finished"
    if not turned_up and (part.state is not PartState.SUBMITTED or job.status != "finished" or not _is_late(case, job)):
        return None
    ended_seconds = None if job.ended_at is None else now - job.ended_at
    return {"remote_id": job.remote_id, "state": str(part.state), "status": job.status, "ended_seconds": ended_seconds}


def _is_late(case: PartCase, job: ListedJob) -> bool:
    """Whether a look should have seen the end of the job by now: by the provider's clock, else by our own plan."""
    bounds, now = case.occasion.bounds, case.occasion.now
    if job.ended_at is not None:
        return now > job.ended_at + bounds.late_seconds + bounds.clock_skew_seconds
    return case.part.due_at is None or now > case.part.due_at + bounds.late_seconds


def status_regression(case: PartCase) -> Evidence | None:
    """The job was done, and is not any more. The list is given the time in which it may lag behind a look."""
    part, job = case.part, case.job
    if _stopped_as(part, DriftClass.STATUS_REGRESSION):
        is_done = job is not None and job.status == "finished"
        return None if is_done else {"remote_id": part.remote_id}
    if job is None or case.busy or part.state is not PartState.FINISHED or job.status not in UNDER_WAY | {"aborted"}:
        return None
    if case.occasion.sweep.began_at < (part.finished_at or part.since) + case.occasion.bounds.late_seconds:
        return None
    return {"remote_id": job.remote_id, "status": job.status, "word": job.word, "word_before": part.remote_word}


def unknown_status(case: PartCase) -> Evidence | None:
    """The job's status is a word outside the adapter's own, in the list, or else at the last look at it."""
    part, job = case.part, case.job
    if part.state is not PartState.SUBMITTED:
        return None
    unknown = job.status == "unknown" if job is not None else part.reason == DriftClass.UNKNOWN_STATUS
    if not unknown:
        return None
    return {"remote_id": part.remote_id, "word": job.word if job is not None else part.remote_word}


def remote_aborted(case: PartCase) -> Evidence | None:
    """The provider has given up on a job that its part waits for."""
    part, job = case.part, case.job
    waits = part.state is PartState.SUBMITTED or _stopped_as(part, DriftClass.MISSING_REMOTE)
    if job is None or job.status != "aborted" or not waits or case.busy:
        return None
    return {"remote_id": job.remote_id, "word": job.word}


def stalled_remote(case: PartCase) -> Evidence | None:
    """The job has made no progress for many times as long as similar ones took in all."""
    part, job, bounds = case.part, case.job, case.occasion.bounds
    if part.state is not PartState.SUBMITTED or job is None or job.status not in UNDER_WAY | {"unknown"}:
        return None
    if (job.progress or 0.0) > (part.progress or 0.0):
        return None
    allowed_seconds = max(bounds.stalled_factor * (case.expected_seconds or 0.0), bounds.stalled_seconds)
    still_seconds = case.occasion.now - (part.progressed_at or part.submitted_at or part.since)
    if still_seconds <= allowed_seconds:
        return None
    return {"remote_id": job.remote_id, "still_seconds": still_seconds, "progress": part.progress, "word": job.word}


def terminal_disagreement(case: PartCase) -> Evidence | None:
    """The part has ended without verdicts, and a job of its own is done. What nobody wanted to have is no drift."""
    part = case.part
    if part.state not in ENDED_WITHOUT or part.reason == NOT_COLLECTED:
        return None
    job = done_job(case)
    if job is None:
        return None
    paid = {"credits": part.credits_committed}
    return {"remote_id": job.remote_id, "state": str(part.state), "reason": part.reason, "rows": job.rows} | paid


def done_job(case: PartCase) -> ListedJob | None:
    """The part's job that is done, its own before others that carry its token, the oldest of them first."""
    own = () if case.job is None else (case.job,)
    jobs = (*own, *sorted(case.named, key=lambda job: job.order))
    return next((job for job in jobs if job.status == "finished"), None)


def _stopped_as(part: PartRecord, reason: DriftClass) -> bool:
    return part.state is PartState.QUARANTINED and part.reason == reason and part.remote_id is not None
