"""The part's state machine: from values to send to verdicts collected, one decision at a time.

Each function takes a part as it was read and what has been learned, and returns the `Change` to write. None spends:
only the submit actor does, and only between `intent` and one of `submitted`, `refused`, `hold` or `quarantine`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.core.budget import budget_day
from worker.core.change import Budget, Change, Claim, Entry, Event, Guard
from worker.core.drift.classes import DriftClass
from worker.core.errors import IllegalMove
from worker.core.line import stand
from worker.core.states import PART_UNSPENT, Lane, PartState
from worker.core.values import Evidence

if TYPE_CHECKING:
    from worker.core.account import Waiting
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import Attempt, SegmentFile


#: Why a part is held that waits for a place on its account, by the limit's name.
LIMIT_REASONS = frozenset({"limit_active", "limit_intents", "limit_line"})
#: Why a part is held that goes on in its turn.
TURN_REASONS = LIMIT_REASONS | {"own_rate"}


def change(decision: str, part: PartRecord, **more: object) -> Change:
    """A change of one part."""
    passed_through: Any = more
    return Change(decision, part.upload_id, part.account, parts=(part,), **passed_through)


def before_submit(part: PartRecord, upload: UploadRecord, waiting: Waiting | None, now: float) -> Change | None:
    """What stands in the way of an attempt, as a decision, or `None`; `waiting` is what keeps its account back."""
    if upload.cancel_requested or upload.terminal:
        return cancel(part, now)
    if waiting is None:
        return None
    held = hold(part, now, *waiting)
    # Who is explained waits for something of its own, such as a balance that covers it: others go before it.
    return held if waiting.message else stand(held)


def reserve(
    part: PartRecord,
    owner: str,
    now: float,
    lease_seconds: float,
    *,
    active_max: int,
    intents_max: int | None,
    rows_per_day_max: int | None = None,
) -> Change:
    """Take the lease and reserve the credits of one attempt. A reservation that is still held is not taken twice.

    The account's limits and its budget of the day are checked in the same write, so that two workers cannot both take
    the last place. Raises `IllegalMove` for a part that may have been spent for.
    """
    if part.state not in PART_UNSPENT:
        raise IllegalMove(f"A part that is {part.state} cannot be reserved: it may have been spent for.")
    guards = [Guard(part.account, "active", active_max)]
    if intents_max is not None:
        guards.append(Guard(part.account, "intents", intents_max))
    leased = part.leased(owner, now, lease_seconds)
    missing = part.rows - part.credits_reserved
    return change(
        "reserve",
        leased.model_copy(update={"credits_reserved": part.rows, "budget_day": budget_day(now)}),
        guards=tuple(guards) if missing else (),
        # Who comes for the first time goes to the end of the line, where there is one.
        behind=Lane.SUBMIT if part.state is PartState.PENDING and missing else None,
        ledger={Entry.RESERVED: missing} if missing else {},
        budget=None if rows_per_day_max is None else Budget(budget_day(now), rows_per_day_max),
        details=None,
    )


def intent(part: PartRecord, attempt: Attempt, now: float) -> Change:
    """Record the attempt in the store; from here on only its outcome or a person decides what happens to the part."""
    begun = part.moved(
        PartState.INTENT,
        now,
        attempt=attempt,
        attempts=attempt.number,
        due_at=attempt.over_at,
        searches=0,
        absences=(),
        reason="",
        message="",
    )
    begun = begun.model_copy(update={"lease": part.lease})
    details = {"attempt": attempt.number, "method": part.method}
    return change("attempt", begun, details=details)


def submitted(part: PartRecord, remote_id: str, how: str, now: float, *, look_at: float) -> Change:
    """The provider has the part: its id is known, its credits are committed, and it is looked at next at `look_at`.

    A job that it was only taken to have, because of its time, is given up for this one.
    """
    taken = part.moved(
        PartState.SUBMITTED,
        now,
        due_at=look_at,
        remote_id=remote_id,
        evidence=known_too(part, remote_id, how, now),
        attempt=None,
        searches=0,
        absences=(),
        provisional=False,
        submitted_at=part.attempt.at if part.attempt else now,
        progressed_at=now,
        credits_committed=part.rows,
        credits_reserved=0,
        budget_day=part.budget_day if part.credits_reserved else budget_day(now),
        reason="",
        message="",
    )
    given_up = part.remote_id if part.remote_id != remote_id else None
    return change(
        "submitted" if how == "answer" else "adopt",
        taken,
        ledger=_spent(part),
        disclaims=(claim_of(part, given_up),) if given_up else (),
        claims=(claim_of(part, remote_id),),
        details={"remote_id": remote_id, "how": how, "rows": part.rows},
        counters={("parts", "submitted" if how == "answer" else "adopted"): 1},
    )


def claim_of(part: PartRecord, remote_id: str) -> Claim:
    """The part's claim to a remote id."""
    return Claim(part.remote_scope, remote_id, part.part_id)


def known_too(part: PartRecord, remote_id: str, how: str, now: float) -> tuple[Evidence, ...]:
    """The part's evidence, with one more remote id."""
    return (*part.evidence, Evidence(remote_id=remote_id, how=how, at=now))


def _spent(part: PartRecord) -> dict[Entry, int]:
    missing = part.rows - part.credits_reserved
    return {Entry.COMMITTED: part.rows} | ({Entry.RESERVED: missing} if missing else {})


def learn(part: PartRecord, remote_id: str, how: str, now: float, *, look_at: float) -> Change | None:
    """A remote id that can only be the part's was learned, however late; `None` when that is nothing new.

    It resolves an open attempt, saves the next one, and takes the place of a job that was only found by its time. A
    part without any attempt has one that the store has forgotten. A part that ended unpaid was charged once after all,
    and stays as it ended. For any other it is a second charge, and kept as evidence of that.
    """
    if part.state in {PartState.FAILED, PartState.CANCELLED} and not part.credits_committed:
        return _charged_late(part, remote_id, how, now)
    if lacks_its_job(part):
        return submitted(part, remote_id, how, now, look_at=look_at)
    if any(known.remote_id == remote_id for known in part.evidence):
        return None
    kept = part.model_copy(update={"evidence": known_too(part, remote_id, how, now), "updated_at": now})
    return change(
        "duplicate_remote",
        kept,
        reason=str(DriftClass.DUPLICATE_REMOTE),
        ledger={Entry.WASTED: part.rows},
        details={"remote_id": remote_id, "how": how},
        counters={("drift", DriftClass.DUPLICATE_REMOTE): 1},
    )


def lacks_its_job(part: PartRecord) -> bool:
    """Whether a job that is certainly the part's is the first one, and no second charge."""
    open_attempt = part.attempt is not None and part.state in {PartState.INTENT, PartState.QUARANTINED}
    never_had_one = part.attempt is None and not part.possible_jobs and not part.credits_committed
    stopped_unsent = never_had_one and part.state is PartState.QUARANTINED
    return open_attempt or stopped_unsent or part.provisional or part.state in PART_UNSPENT


def _charged_late(part: PartRecord, remote_id: str, how: str, now: float) -> Change:
    """The job of a part that has ended without one: its credits are committed, and nobody fetches its verdicts.

    It is not claimed: no end changes its remote id. The attempt is not open any more, so that its rows count once for
    whoever wants to know what was paid.
    """
    evidence = known_too(part, remote_id, how, now)
    paid = {"credits_committed": part.rows, "budget_day": budget_day(now), "attempt": None}
    kept = part.model_copy(update={"evidence": evidence, "updated_at": now} | paid)
    details = {"remote_id": remote_id, "how": how, "rows": part.rows}
    return change("charged_late", kept, reason=part.reason, ledger=_spent(part), details=details)


def refused(part: PartRecord, now: float, reason: str, message: str) -> Change:
    """The provider definitely did not accept the part and never will: it fails, and its reservation is released."""
    failed = part.moved(PartState.FAILED, now, reason=reason, message=message, attempt=None, credits_reserved=0)
    return change("refused", failed, reason=reason, ledger=released(part), details={"message": message})


def hold(part: PartRecord, now: float, reason: str, until: float, message: str = "") -> Change:
    """The account cannot take the part now: it waits until `until`, unspent; `message` explains `reason` further."""
    explained = {"reason": reason, "message": message}
    held = part.moved(PartState.HELD, now, due_at=until, attempt=None, credits_reserved=0, **explained)
    new = part.state is not PartState.HELD or not _same_wait(part.reason, reason)
    return change("hold", held, reason=reason, ledger=released(part), details={"until": until} if new else None)


def cancel(part: PartRecord, now: float) -> Change:
    """The upload is not wanted any more and nothing was spent for this part."""
    cancelled = part.moved(PartState.CANCELLED, now, reason="cancelled", credits_reserved=0)
    return change("cancel", cancelled, reason="cancelled", ledger=released(part))


def released(part: PartRecord) -> dict[Entry, int]:
    """The ledger's entry when the part gives its reservation back."""
    return {Entry.RELEASED: part.credits_reserved} if part.credits_reserved else {}


def quarantine(
    part: PartRecord,
    now: float,
    reason: str,
    message: str,
    *,
    remote_id: str | None = None,
    how: str = "unclear_answer",
    unsent: bool = False,
) -> Change:
    """The part must not move until evidence or a person decides; an open attempt stays open, its credits reserved.

    `remote_id` is one that was learned and cannot be the part's own without a doubt: kept as evidence, with `how` it
    was learned. `unsent`: no attempt was begun, so the part's credits are released and its place on the account becomes
    free.
    """
    stopped = part.moved(
        PartState.QUARANTINED,
        now,
        reason=reason,
        message=message,
        evidence=part.evidence if remote_id is None else known_too(part, remote_id, how, now),
        credits_reserved=0 if unsent else part.credits_reserved,
    )
    return change(
        "quarantine",
        stopped,
        reason=reason,
        ledger=released(part) if unsent else {},
        details={"message": message, "attempt": part.attempt.object if part.attempt else None},
        events=(Event("needs_attention", part.upload_id, {"part": part.index, "reason": reason, "message": message}),),
        counters={("parts", "quarantined"): 1},
    )


def collect_later(
    part: PartRecord, now: float, reason: str, message: str, due_at: float, *, tried: bool = True
) -> Change:
    """The result could not be fetched now; it is paid for, so it is tried again at `due_at`, for ever.

    `tried`: it was begun, or something of ours is missing; each time it waits longer. Who only waits is told of once.
    """
    told = {"reason": reason, "message": message}
    later = part.moved(PartState.FINISHED, now, due_at=due_at, tries=part.tries + tried, **told)
    new = tried or not _same_wait(part.reason, reason)
    details = {"message": message, "until": due_at} if new else None
    return change("collect_later", later, reason=reason, details=details)


def _same_wait(before: str, after: str) -> bool:
    return before == after or {before, after} <= TURN_REASONS


def collected(
    part: PartRecord,
    now: float,
    *,
    rows_returned: int,
    verdicts_object: str,
    verdicts_digest: str,
    same_values: bool,
    segments: tuple[SegmentFile, ...] = (),
    account_rules: int = 0,
    reuse_key: str = "",
) -> Change:
    """The verdicts are safe in storage, and the segments that were wanted.

    `reuse_key` is what they answer by those who decided them: where something else was asked for when the part was
    submitted, as by other rules for verdicts, they are what neither question is to be answered with again.
    Where the verdicts are not on the values that were sent, that is noted as drift. The credits of a job that was found
    by its time are committed only now, when its values say that it was the part's.
    """
    done = part.moved(
        PartState.COLLECTED,
        now,
        provisional=False,
        attempt=None,
        credits_committed=part.rows,
        credits_reserved=0,
        collected_at=now,
        rows_returned=rows_returned,
        rows_done=part.rows,
        verdicts_object=verdicts_object,
        verdicts_digest=verdicts_digest,
        segments=segments,
        reuse_key=part.reuse_key if reuse_key == part.reuse_key else "",
        reason="" if same_values else str(DriftClass.ROW_MISMATCH),
        message="" if same_values else "The provider's rows are not exactly the values that were sent.",
    )
    return change(
        "collected",
        done,
        reason=done.reason,
        ledger=_spent(part) if part.provisional else {},
        details={"rows": part.rows, "rows_returned": rows_returned, "segments": _told(segments)}
        | ({"account_rules": account_rules} if account_rules else {}),
        counters={} if same_values else {("drift", DriftClass.ROW_MISMATCH): 1},
    )


def _told(segments: tuple[SegmentFile, ...]) -> str:
    """Segments by their names, the empty ones said to be empty."""
    return ", ".join(f"{file.segment} (empty)" if file.empty else file.segment for file in segments)
