"""Whether there is a job, and whose it is: each predicate tells what of that differs, or `None`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.drift.classes import DriftClass
from worker.core.part import lacks_its_job
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import AccountCase, JobCase, ListedJob, PartCase
    from worker.core.records import PartRecord

#: States of a part that has a remote job and waits for it, or for its result.
LIVE = frozenset({PartState.SUBMITTED, PartState.FINISHED})
#: Ends of a part that has no verdicts.
ENDED_WITHOUT = frozenset({PartState.FAILED, PartState.CANCELLED})

#: How a job is learned that is certainly the part's: its answer named it, or its name in the list carries the token.
CERTAIN = frozenset({"answer", "list"})


def unresolved_attempt(case: PartCase) -> Evidence | None:
    """An attempt whose request is over, and of which nobody knows whether it made a job."""
    part, attempt = case.part, case.part.attempt
    is_open = part.state in {PartState.INTENT, PartState.QUARANTINED} and part.remote_id is None
    if attempt is None or not is_open or part.reason == DriftClass.IDENTITY_COLLISION:
        return None
    if case.busy or not (case.named or case.occasion.now > attempt.over_at):
        return None
    found = {"remote_id": case.named[0].remote_id} if case.named else {}
    return {"attempt": attempt.number, "begun_at": attempt.at, "searches": part.searches, **found}


def orphan_remote(case: JobCase) -> Evidence | None:
    """A job with one of our tokens, and nobody here knows it: what is told of it is what an import needs."""
    job = case.job
    if job.token is None:
        return None
    return {"token": job.token, "kind": job.kind, "rows": job.rows, "status": job.status, "started_at": job.started_at}


def foreign_remote(case: AccountCase) -> Evidence | None:
    """Jobs of strangers, all of them as one."""
    if not case.foreign:
        return None
    ordered = sorted(case.foreign, key=lambda job: job.order)
    return {"jobs": len(ordered), "oldest": ordered[0].remote_id, "newest": ordered[-1].remote_id}


def not_shown(case: PartCase) -> bool:
    """Whether the sweep was to show the part's job and has not. Alone that proves nothing; see `missing_remote`.

    The part's own look at its job, no earlier than the sweep but for `late_seconds`, is believed before the list: that
    may lag behind. One that waits for its download is asked for no more.
    """
    part, bounds, sweep = case.part, case.occasion.bounds, case.occasion.sweep
    waits = part.state in LIVE or _was_given_up_as(part, DriftClass.MISSING_REMOTE)
    if not waits or part.remote_id is None or case.job is not None or not sweep.complete:
        return False
    learned_at = max([part.submitted_at or 0.0, *(known.at for known in part.evidence)])
    seen_lately = part.observed_at is not None and part.observed_at >= sweep.began_at - bounds.late_seconds
    return sweep.began_at >= learned_at + bounds.settle_seconds and not seen_lately


def missing_remote(case: PartCase) -> Evidence | None:
    """The list does not show the job, and does show another of ours of the same kind."""
    part = case.part
    control = case.occasion.sweep.controls.get(part.kind)
    if control is None or case.busy or not (case.occasion.sweep.proven and not_shown(case)):
        return None
    if part.state is PartState.FINISHED and case.is_past_retention:
        return None
    return {"remote_id": part.remote_id, "unseen_seconds": unseen_seconds(case), "looks": part.looks, "shown": control}


def unseen_seconds(case: PartCase) -> float:
    """For how long nobody has seen the part's job."""
    return case.occasion.now - (case.part.observed_at or case.part.submitted_at or case.occasion.now)


def duplicate_remote(case: PartCase) -> Evidence | None:
    """Jobs of the part that are one too many, and that its record did not know of at the last sweep."""
    more = unknown_jobs(case) or _learned_lately(case)
    if not more or not _has_had_its_job(case.part):
        return None
    return {"jobs": len(more), "remote_id": more[0].remote_id, "first": case.part.remote_id, "rows": case.part.rows}


def unknown_jobs(case: PartCase) -> tuple[ListedJob, ...]:
    """Jobs with the part's token that its record does not know, the oldest first."""
    known = {found.remote_id for found in case.part.evidence} | {case.part.remote_id}
    return tuple(sorted((job for job in case.named if job.remote_id not in known), key=lambda job: job.order))


def _learned_lately(case: PartCase) -> tuple[ListedJob, ...]:
    """Jobs that something else than a sweep has found to be one too many since the last one, the oldest first."""
    part, since = case.part, case.occasion.judged_before
    found = {known.remote_id for known in part.evidence if known.at > since and known.how in CERTAIN}
    learned = found - {part.remote_id}
    return tuple(sorted((job for job in case.named if job.remote_id in learned), key=lambda job: job.order))


def _has_had_its_job(part: PartRecord) -> bool:
    """Whether one more job is a second charge, as `worker.core.part.learn` decides."""
    if part.state in ENDED_WITHOUT and not part.credits_committed:
        return False
    return not lacks_its_job(part)


def identity_collision(case: PartCase) -> Evidence | None:
    """The part's remote id is another part's too, or was when it was learned."""
    part = case.part
    if part.remote_id is not None and case.rivals and part.state not in ENDED_WITHOUT:
        return {"remote_id": part.remote_id, "other": case.rivals[0], "others": len(case.rivals)}
    if _was_given_up_as(part, DriftClass.IDENTITY_COLLISION) and part.remote_id is None:
        return {"remote_id": part.evidence[-1].remote_id if part.evidence else None}
    return None


def size_mismatch(case: PartCase) -> Evidence | None:
    """The job has other rows than the part, as far as the provider tells while it works."""
    part, job = case.part, case.job
    if job is None or not job.rows or job.status not in {"running", "finished"}:
        return None
    if part.state not in LIVE or part.provisional or job.rows == part.rows:
        return None
    return {"remote_id": job.remote_id, "rows": part.rows, "remote_rows": job.rows}


def _was_given_up_as(part: PartRecord, reason: DriftClass) -> bool:
    return part.state is PartState.QUARANTINED and part.reason == reason
