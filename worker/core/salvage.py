"""Salvage: what was paid for and is not here is fetched once more, and its upload is delivered anew.

It is the one way out of an end. The part waits to be collected like any other whose job is done, the upload for its
parts, and the steps that follow are those of every day: nothing is submitted, and a crash loses nothing. It is bounded:
a result is ordered again a few times, and what cannot be fetched then is given to a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from worker.core import part as parts
from worker.core.budget import budget_day
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord, UploadRecord

#: Times that one part's result is ordered again because storage has lost it.
AGAIN_MAX = 3
#: Downloads of such a result that must have failed, each for a reason of its own, before somebody is asked.
TRIES_MAX = 10


class DoneJob(Protocol):
    """A job that the remote list shows to be done."""

    @property
    def remote_id(self) -> str:
        """Its id."""

    @property
    def ended_at(self) -> float | None:
        """When, by the provider's clock, where that is told; epoch seconds."""


@dataclass(frozen=True, slots=True)
class Download:
    """The verdicts of one download of a part's result, as they lie in storage."""

    object: str
    sha256: str
    rows: int
    #: Whether they are on exactly the values that were sent.
    same_values: bool


def reopened(upload: UploadRecord, now: float) -> UploadRecord | None:
    """The upload, waiting for its parts; `None` while somebody writes its result, or a person has to let it go on."""
    if upload.leased_now(now) or not upload.parts_total:
        return None
    if upload.terminal:
        return upload.salvaged(
            UploadState.RUNNING,
            now,
            reopened=upload.reopened + 1,
            reason="",
            message="",
            finished_at=None,
            retain_until=None,
        )
    if upload.lane is None:
        return None
    return upload.moved(UploadState.RUNNING if upload.state is UploadState.DELIVERING else upload.state, now)


def taken_up(part: PartRecord, job: DoneJob, now: float, *, service: str) -> PartRecord:
    """A part that had ended without verdicts, and whose job is done: it is paid for, and waits to be collected."""
    remote_id, ended_at = job.remote_id, job.ended_at
    told_at = ended_at if ended_at is not None and part.created_at <= ended_at <= now else None
    known = any(found.remote_id == remote_id for found in part.evidence)
    unpaid = not part.credits_committed
    return part.salvaged(
        PartState.FINISHED,
        now,
        again=part.again + 1,
        remote_id=remote_id,
        service=part.service or service,
        provisional=False,
        attempt=None,
        evidence=part.evidence if known else parts.known_too(part, remote_id, "list", now),
        credits_committed=part.rows,
        credits_reserved=0,
        budget_day=budget_day(now) if unpaid and not part.credits_reserved else part.budget_day,
        submitted_at=part.submitted_at or part.created_at,
        finished_at=part.finished_at or now,
        remote_finished_at=part.remote_finished_at or told_at or now,
        rows_done=part.rows,
        reason=str(DriftClass.TERMINAL_DISAGREEMENT),
        message="",
    )


def ordered_again(part: PartRecord, now: float) -> PartRecord:
    """A part whose verdicts storage has lost: they wait to be collected once more."""
    message = "Its verdicts are not in storage as they were."
    lost = str(DriftClass.MISSING_ARTIFACT)
    return part.salvaged(PartState.FINISHED, now, again=part.again + 1, reason=lost, message=message)


def once_more(part: PartRecord, first: Download, now: float, *, wait_seconds: float) -> Change:
    """The first download does not hold what was sent: it is kept, and after a wait the result is downloaded again."""
    message = f"The provider's {first.rows:,} rows are not exactly the {part.rows:,} values that were sent."
    again = part.moved(
        PartState.FINISHED,
        now,
        due_at=now + wait_seconds,
        again=part.again + 1,
        rows_returned=first.rows,
        verdicts_object=first.object,
        verdicts_digest=first.sha256,
        reason=str(DriftClass.ROW_MISMATCH),
        message=message,
    )
    details = {"message": message, "rows_returned": first.rows, "until": again.due_at}
    return parts.change("collect_again", again, reason=again.reason, details=details)


def mismatched_before(part: PartRecord) -> bool:
    """Whether the part waits for a second download because the first one did not hold what was sent."""
    return part.verdicts_object is not None and part.collected_at is None


def choose(first: Download | None, second: Download) -> tuple[Download, Download | None]:
    """Of two downloads of one result the part's own, and the other where it differs; `first`: where it is intact.

    The first one stays, unless only the second one holds what was sent.
    """
    if first is None:
        return second, None
    if first.sha256 == second.sha256:
        return first, None
    return (second, first) if second.same_values and not first.same_values else (first, second)


def noted(collected: Change, before: PartRecord, other: Download | None) -> Change:
    """The change that collects a part for the second time, with what differed from the download that was not taken."""
    (part,) = collected.parts
    lost_digest = before.verdicts_digest if other is None and before.verdicts_digest != part.verdicts_digest else None
    if other is None and lost_digest is None:
        return collected
    told = {"other_object": other and other.object, "other_digest": other.sha256 if other else lost_digest}
    details = dict(collected.details or {}) | {"drift": str(DriftClass.RESULT_CHANGED)} | told
    return replace(collected, parts=(part.model_copy(update=told),), details=details)


def unfetched(part: PartRecord, now: float, message: str) -> Change | None:
    """What becomes of a result that was ordered again and cannot be fetched; `None`: it is tried again.

    Verdicts of a first download are better than none; otherwise it is a person's matter.
    """
    if not part.again or part.tries + 1 < TRIES_MAX:
        return None
    if mismatched_before(part):
        return parts.collected(
            part,
            now,
            rows_returned=part.rows_returned,
            verdicts_object=part.verdicts_object or "",
            verdicts_digest=part.verdicts_digest or "",
            same_values=False,
            segments=part.segments,
        )
    lost = DriftClass.MISSING_ARTIFACT if part.verdicts_object else DriftClass.TERMINAL_DISAGREEMENT
    return parts.quarantine(part, now, str(lost), f"The result was paid for and cannot be fetched: {message}")
