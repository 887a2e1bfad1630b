"""Rebuilding: the records of an upload that the store has lost, made again from what storage tells of it.

Nothing here spends or lets anything be spent: what is paid for goes on, what may be paid for is searched for, and what
was certainly not paid for stops until somebody wants it to go on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core.budget import budget_day
from worker.core.change import Change, Entry, Event
from worker.core.resolve import COLLISION_REASON
from worker.core.retention import DAY_SECONDS
from worker.core.retry import UNSENT_REASON
from worker.core.search import UNRESOLVED_REASON, unresolved
from worker.core.states import UPLOAD_LANES, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from worker.core.change import Claim
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import Attempt, ResultSummary

#: How a remote id was learned that an attempt's outcome in storage tells.
HOW = "attempt_record"


@dataclass(frozen=True, slots=True)
class Traces:
    """What storage tells of the attempts of one part."""

    #: The attempt that counts: the one with a job, else the first one that nobody knows the outcome of.
    attempt: Attempt
    #: Number of the last attempt.
    last_number: int
    remote_id: str | None = None
    #: Whether nobody knows what became of `attempt`.
    is_open: bool = False
    service: str = ""
    method: str = ""
    watermark: int | None = None


def rebuilt(upload: UploadRecord, made: Sequence[Change], now: float) -> Change:
    """An upload that was lost on its way, with its parts as `made` again: it is looked at at once."""
    unsent = sum(change.reason == UNSENT_REASON for change in made)
    running = upload.model_copy(
        update=_standing(UploadState.RUNNING, now) | {"lane": UPLOAD_LANES[UploadState.RUNNING], "due_at": now}
    )
    message = f"{unsent:,} parts were never sent: `bulkverify retry {upload.upload_id}` sends them."
    told = {"reason": UNSENT_REASON, "message": message}
    of_parts = [event for change in made if change.reason != UNSENT_REASON for event in change.events]
    of_upload = [Event("needs_attention", upload.upload_id, told)] if unsent else []
    return _merged(running, made, (*of_parts, *of_upload))


def rebuilt_ended(
    upload: UploadRecord, made: Sequence[Change], result: ResultSummary, at: float, days: float
) -> Change:
    """An upload whose result was published `at` that time; its record is kept for `days` from then."""
    state, reason, message = UploadState.COMPLETED, "", ""
    if result.partial:
        state, reason = UploadState.FAILED, "rows_missing"
        message = f"The result has no verdict for {result.counts.missing} of {result.counts.rows} rows."
    ended = upload.model_copy(
        update=_standing(state, at)
        | {"lane": None, "due_at": None, "result": result, "finished_at": at, "reason": reason, "message": message}
        | {"retain_until": at + days * DAY_SECONDS, "staged_rows": upload.rows}
    )
    return _merged(ended, made, ())


def _standing(state: UploadState, since: float) -> dict[str, object]:
    return {"state": state, "since": since, "updated_at": since, "reason": "", "message": ""}


def _merged(upload: UploadRecord, made: Sequence[Change], events: tuple[Event, ...]) -> Change:
    """One write of the upload and all of its parts."""
    ledger: Counter[Entry] = Counter()
    for change in made:
        ledger.update(change.ledger)
    states = Counter(str(change.parts[0].state) for change in made)
    return Change(
        "recovered",
        upload.upload_id,
        upload.account,
        uploads=(upload,),
        parts=tuple(change.parts[0] for change in made),
        events=events,
        ledger=dict(ledger),
        claims=tuple(claim for change in made for claim in change.claims),
        details={"state": upload.state, **states},
    )


def collected_again(part: PartRecord, disputed: Container[str] = ()) -> Change:
    """A part whose verdicts are in storage, as it was when they were collected."""
    return parts.change("collected", part, claims=_claims(part, disputed), ledger=_paid(part))


def ended_again(part: PartRecord, state: PartState, at: float, disputed: Container[str] = ()) -> Change:
    """A part of an upload that has its result, `part` with what the manifest tells of it."""
    ended = part.model_copy(
        update={"state": state, "lane": None, "due_at": None, "since": at, "updated_at": at, "budget_day": None}
    )
    return parts.change("recovered", ended, claims=_claims(ended, disputed), ledger=_paid(ended))


def _claims(part: PartRecord, disputed: Container[str]) -> tuple[Claim, ...]:
    """The part's claim to its job; one that has its verdicts does without a job that another part has."""
    own = part.remote_id if part.remote_id is not None and part.remote_id not in disputed else None
    return () if own is None else (parts.claim_of(part, own),)


def _paid(part: PartRecord) -> dict[Entry, int]:
    paid = part.credits_committed
    return {Entry.RESERVED: paid, Entry.COMMITTED: paid} if paid else {}


def attempted_again(part: PartRecord, traces: Traces, now: float, disputed: Container[str] = ()) -> Change | None:
    """A part that was paid for, or may have been, `None` where every attempt is known to have cost nothing.

    A job that another part has meanwhile is `disputed`: the part stops, since one of the two is wrong.
    """
    known = part.model_copy(
        update={
            "attempt": traces.attempt,
            "attempts": traces.last_number,
            "service": traces.service,
            "method": traces.method,
            "watermark": traces.watermark,
            "credits_reserved": part.rows,
            "budget_day": budget_day(traces.attempt.at),
        }
    )
    reserved = {Entry.RESERVED: part.rows}
    if traces.remote_id is not None and traces.remote_id not in disputed:
        made = parts.submitted(known, traces.remote_id, HOW, now, look_at=now)
    elif traces.remote_id is not None:
        message = f"The attempt's job {traces.remote_id} belongs to another part here."
        made = parts.quarantine(known, now, COLLISION_REASON, message, remote_id=traces.remote_id, how=HOW)
    elif traces.is_open:
        message = f"Attempt {traces.attempt.number} of this part was recorded and its outcome is not known."
        made = unresolved(known, now, UNRESOLVED_REASON, message, look_at=now)
    else:
        return None
    return replace(made, ledger=Counter(reserved) + Counter(made.ledger))


def unsent_again(part: PartRecord, attempts: int, now: float, *, go_on: bool) -> Change:
    """A part that nothing was spent for: it goes on as it was born, or stops until somebody wants it to."""
    born = part.model_copy(update={"attempts": attempts, "attempts_from": attempts, "due_at": now})
    if go_on:
        return parts.change("prepared", born)
    message = "Redis was lost before this part was sent: nothing was spent for it."
    return parts.quarantine(born, now, UNSENT_REASON, message, unsent=True)
