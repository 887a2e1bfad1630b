"""Resolve: what a person decides about a part in quarantine, and what stands against it.

Three ways lead out: a job at the provider is the part's (`adopt`), the part is submitted once more and perhaps paid
twice (`resubmit`), or it ends without verdicts (`give_up`). Each returns the `Change` to write, or a `Refusal`. A job
that turns up later for a part that has left quarantine is evidence of a charge: see `worker.core.part.learn`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.drift.classes import DriftClass
from worker.core.retry import rows_paid
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord, UploadRecord

#: How a remote id was learned that a person named.
BY_OPERATOR = "operator"
#: Why a part has failed that a person gave up.
GIVEN_UP = "given_up"
#: Why a part is in quarantine whose remote id is another part's too.
COLLISION_REASON = str(DriftClass.IDENTITY_COLLISION)
#: Why a part is in quarantine whose own worker wrote that: its request is over, whatever came of it.
REQUEST_OVER = frozenset({COLLISION_REASON})


@dataclass(frozen=True, slots=True)
class Recorded:
    """What storage knows of the attempt at which a part is stopped."""

    #: The remote id under which it was accepted, and the other part to which that belongs, if it does.
    remote_id: str | None = None
    owner: str | None = None
    #: Why it is closed as not spent, or as followed by another.
    unspent: str | None = None
    #: When the process that made it has certainly given up, epoch seconds.
    over_at: float | None = None

    @property
    def accepted_as(self) -> str | None:
        """The job that can only be this part's."""
        return None if self.owner else self.remote_id


@dataclass(frozen=True, slots=True)
class Job:
    """What the provider says of the remote job that a person names."""

    #: Why it was not looked at, as a sentence; empty when it was.
    unseen: str = ""
    #: Whether the provider knows it.
    known: bool = False
    rows: int | None = None
    #: The token in its name, where the provider shows names.
    token: str | None = None
    #: Where the account speaks to; empty when that is not known.
    service: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing is done."""

    #: A bounded word.
    reason: str
    message: str


def adopt(
    part: PartRecord,
    upload: UploadRecord,
    recorded: Recorded,
    remote_id: str,
    now: float,
    *,
    job: Job,
    unchecked: bool = False,
) -> Change | Refusal:
    """The remote job is the part's: its credits are committed once, and it is looked at now.

    `unchecked` takes the person's word against what the provider says of the job, and never against what is recorded
    here. The store refuses an id that belongs to another part when the change is written.
    """
    refusal = _undecided(part, upload) or _recorded_otherwise(remote_id, recorded)
    if refusal is None and not unchecked:
        refusal = _doubt(part, remote_id, job)
    if refusal is not None:
        return refusal
    service = part.service or job.service
    if not service:
        message = f"Account {part.account} is not configured here, so that nobody knows where job {remote_id} is."
        return Refusal("account_unknown", message)
    resolved = part.model_copy(update={"attempts": _last_attempt(part), "service": service})
    return parts.submitted(resolved, remote_id, BY_OPERATOR, now, look_at=now)


def _recorded_otherwise(remote_id: str, recorded: Recorded) -> Refusal | None:
    if recorded.accepted_as not in {None, remote_id}:
        message = f"The attempt's own record says that it was accepted as job {recorded.accepted_as}: adopt that one."
        return Refusal("accepted_as_another", message)
    if recorded.unspent is not None:
        message = f"The attempt's own record says that it made no job that counts ({recorded.unspent}): resubmit it."
        return Refusal("attempt_closed", message)
    return None


def _doubt(part: PartRecord, remote_id: str, job: Job) -> Refusal | None:
    """What the provider says against the job being the part's."""
    if job.unseen:
        message = f"Job {remote_id} was not looked at: {job.unseen.removesuffix('.')}. --unchecked adopts it unseen."
        return Refusal("not_looked_at", message)
    if not job.known:
        message = f"The provider does not know job {remote_id} on account {part.account}. --unchecked adopts it anyway."
        return Refusal("unknown_job", message)
    if job.token is not None and job.token != part.token:
        message = f"Job {remote_id} carries the token of another part in its name. --unchecked adopts it anyway."
        return Refusal("other_token", message)
    if job.rows is not None and job.rows != part.rows:
        message = f"Job {remote_id} has {job.rows:,} rows and the part {part.rows:,}. --unchecked adopts it anyway."
        return Refusal("other_rows", message)
    return None


def resubmit(part: PartRecord, upload: UploadRecord, recorded: Recorded, now: float) -> Change | Refusal:
    """The part goes back to be submitted under the next attempt's number, whatever became of the last one."""
    refusal = _undecided(part, upload) or _not_again(part, upload, recorded, now)
    if refusal is not None:
        return refusal
    again = part.moved(
        PartState.PENDING,
        now,
        attempt=None,
        attempts=_last_attempt(part),
        attempts_from=_last_attempt(part),
        credits_reserved=0,
        reason="",
        message="",
    )
    details = {"rows": part.rows, "rows_maybe_paid_before": rows_paid(part)} | _attempt_told(part)
    return parts.change("resubmit", again, reason=part.reason, ledger=parts.released(part), details=details)


def _not_again(part: PartRecord, upload: UploadRecord, recorded: Recorded, now: float) -> Refusal | None:
    if upload.cancel_requested:
        return Refusal("cancelling", "The cancellation of its upload was requested: adopt its job, or --fail it.")
    if recorded.accepted_as is not None:
        message = f"The attempt's own record says that it was accepted, and paid: --adopt {recorded.accepted_as}."
        return Refusal("accepted", message)
    if part.reason not in REQUEST_OVER and recorded.over_at is not None and recorded.over_at > now:
        message = f"The process that made the attempt may still be at it: try again in {recorded.over_at - now:.0f} s."
        return Refusal("too_early", message)
    return None


def give_up(part: PartRecord, now: float) -> Change | Refusal:
    """The part fails: its reservation is released, and what it may have cost stands in the timeline.

    Its open attempt stays in the record, so that whoever retries the upload is told what may be paid for twice.
    """
    if not part.undecided:
        return _not_in_quarantine(part)
    paid = rows_paid(part)
    message = f"Given up by a person; {paid:,} rows may have been paid for." if paid else "Given up by a person."
    failed = part.moved(PartState.FAILED, now, reason=GIVEN_UP, message=message, credits_reserved=0)
    details = {"message": message, "rows_maybe_paid": paid} | _attempt_told(part)
    return parts.change("give_up", failed, reason=GIVEN_UP, ledger=parts.released(part), details=details)


def look_at_once(upload: UploadRecord, now: float) -> Change | None:
    """The upload is due at once, since one of its parts has moved; `None` when it has ended or somebody is at it."""
    if upload.lane is None or upload.leased_now(now):
        return None
    return uploads.change("retry", upload.moved(upload.state, now), details=None)


def _undecided(part: PartRecord, upload: UploadRecord) -> Refusal | None:
    """Why nothing is to be decided about the part's remote job."""
    if not part.undecided:
        return _not_in_quarantine(part)
    if part.remote_id is not None:
        message = f"It has remote job {part.remote_id}: `bulkverify retry {part.upload_id}` goes on with it."
        return Refusal("has_job", message)
    if upload.terminal:
        return Refusal("ended", f"Its upload is {upload.state}: only --fail is left.")
    return None


def _not_in_quarantine(part: PartRecord) -> Refusal:
    return Refusal("not_in_quarantine", f"It is {part.state}, and not in quarantine.")


def _last_attempt(part: PartRecord) -> int:
    """The number of the latest attempt that is known of: the store may have forgotten those that storage remembers."""
    return max(part.attempts, part.attempt.number if part.attempt else 0)


def _attempt_told(part: PartRecord) -> dict[str, object]:
    return {"attempt": part.attempt.object} if part.attempt else {}
