"""What happens next to an upload or a part, and when: the sentence that `bulkverify why` ends with.

It only reads the record: whatever it says follows from state, lease and due time, as the actors will read them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from worker.core.account import Paused, pause_of
from worker.core.cancel import NOT_COLLECTED, is_surely_paid
from worker.core.drift.classes import DriftClass
from worker.core.part import TURN_REASONS
from worker.core.records import UploadRecord
from worker.core.states import PART_UNSPENT, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from worker.core.records import AccountRecord, PartRecord, WorkItem
    from worker.core.values import Absence, Evidence, Pause


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is known about a part in quarantine, and since when (epoch seconds)."""

    what: str
    at: float


@dataclass(frozen=True, slots=True)
class NextStep:
    """What happens next, and when.

    `when` is in epoch seconds and may have passed: then it is due now. `None`: nothing happens by itself.
    """

    what: str
    when: float | None = None
    #: Whether nothing goes on until a person decides; then `known` is what there is to decide on.
    needs_person: bool = False
    known: tuple[Fact, ...] = ()
    #: The commands that decide it, each complete but for words in capitals.
    commands: tuple[str, ...] = ()


def next_step(
    record: UploadRecord | PartRecord,
    now: float,
    *,
    cancelling: bool = False,
    no_collect: bool = False,
    in_line: bool = False,
) -> NextStep:
    """What happens next to `record`, seen at `now`.

    `cancelling`: the cancellation of a part's upload was requested; `no_collect`: of what is paid for, too.
    `in_line`: the part stands in its account's line; one that waits for its turn and does not was called just now. What
    it was last told is no reason of its own there; its account has the reasons, see `account_pauses` and `place_kept`.
    """
    if isinstance(record, UploadRecord):
        return _UPLOADS[record.state](record, now)
    if cancelling and record.state in PART_UNSPENT and not record.leased_now(now):
        return NextStep("it is dropped, unsent: cancellation was requested", record.due_at)
    if no_collect and is_surely_paid(record) and not record.leased_now(now):
        return NextStep("it is dropped, paid for and not collected: that was asked for", record.due_at or now)
    if record.state in _IN_TURN and (in_line or record.reason in TURN_REASONS) and not record.leased_now(now):
        what = f"{_IN_TURN[record.state]}, when there is room on its account"
        why = _because(record.reason if record.reason in TURN_REASONS else "")
        return NextStep(what.format(part=record) + why, known=_ending(record))
    return _PARTS[record.state](record, now)


def account_pauses(account: AccountRecord, now: float) -> Iterator[NextStep]:
    """What ends each pause of the account, and when; nothing while calls are made."""
    for what, calls in _KEPT_BACK.items():
        pause = pause_of(account, what)
        if pause.reason:
            yield _pause_ends(pause, f"{calls} for account {account.account}", now)


def place_kept(account: AccountRecord, open_attempts: Iterable[PartRecord]) -> NextStep | None:
    """Who keeps the place of the one attempt that may be open, where names are not known to be shown, for a person."""
    if account.echo_proven:
        return None
    kept = next((part for part in open_attempts if part.state is PartState.QUARANTINED), None)
    if kept is None:
        return None
    what = f"no part is submitted before a person decides on part {kept.part_id}: its attempt may be charged"
    return NextStep(what, needs_person=True, commands=(f"bulkverify why {kept.upload_id}",))


def _pause_ends(pause: Pause, calls: str, now: float) -> NextStep:
    why = _because(pause.reason)
    if pause.probe is not None and pause.probe.until > now:
        asks = f"{pause.probe.owner} finds out by a free call whether {calls} may begin again"
        return NextStep(f"{asks}, or another worker does when its lease ends{why}", pause.probe.until)
    finds_out = f"whoever needs one finds out by a free call whether {calls} may begin again{why}"
    return NextStep(finds_out, max(pause.until, now))


def _pending(part: PartRecord, now: float) -> NextStep:
    return _leased(part, now, "is about to submit it") or NextStep(
        f"{part.rows:,} values are submitted to the provider{_because(part.reason, part.message)}", part.due_at
    )


def _held(part: PartRecord, _now: float) -> NextStep:
    return NextStep(f"submitting it is tried again{_because(part.reason, part.message)}", part.due_at)


def _intent(part: PartRecord, now: float) -> NextStep:
    searched = "the provider's list is searched for its job; nothing is submitted before that"
    return _leased(part, now, f"is submitting it (attempt {part.attempts}); its outcome is known") or NextStep(
        f"{searched}{_because(part.reason, part.message)}", part.due_at, known=_known(part)
    )


def _submitted(part: PartRecord, _now: float) -> NextStep:
    return NextStep(
        f"the provider is asked about remote job {part.remote_id}{_because(part.reason, part.message)}", part.due_at
    )


def _finished(part: PartRecord, now: float) -> NextStep:
    downloaded = f"the verdicts of remote job {part.remote_id} are downloaded{_because(part.reason, part.message)}"
    step = _leased(part, now, "is downloading the verdicts") or NextStep(downloaded, part.due_at)
    return replace(step, known=_ending(part))


def _ending(part: PartRecord) -> tuple[Fact, ...]:
    """That a result is lost which nobody fetches in time, where that was told."""
    ends_at = part.result_ends_at if part.state is PartState.FINISHED else None
    return (
        () if ends_at is None else (Fact("the provider deletes its result, which is paid for, at that time", ends_at),)
    )


def _quarantined(part: PartRecord, _now: float) -> NextStep:
    waits = f"nothing by itself: a person must decide{_because(part.reason, part.message)}"
    return NextStep(waits, needs_person=True, known=_known(part), commands=ways_out(part))


def ways_out(part: PartRecord) -> tuple[str, ...]:
    """The commands that take a part out of quarantine, the one that is likeliest to be right first."""
    give_up = f"bulkverify resolve {part.part_id} --fail"
    if part.remote_id is not None or not (part.attempt or part.evidence):
        return f"bulkverify retry {part.upload_id}", give_up
    # In a collision the id that was named last belongs to another part.
    trusted = part.possible_jobs if part.reason != DriftClass.IDENTITY_COLLISION else ()
    adopt = f"bulkverify resolve {part.part_id} --adopt {trusted[-1] if trusted else 'REMOTE_ID'}"
    resubmit = f"bulkverify resolve {part.part_id} --resubmit --yes-spend {part.rows}"
    return (resubmit, adopt, give_up) if part.reason == "absent" and not trusted else (adopt, resubmit, give_up)


def _known(part: PartRecord) -> tuple[Fact, ...]:
    """What there is to decide on: the open attempt, what the list showed, every remote id ever named for the part."""
    attempt = part.attempt
    facts = [Fact(_named(found, part), found.at) for found in part.evidence]
    facts += [
        Fact(
            f"a complete walk over the list ({absence.jobs:,} jobs{_control(absence)}) did not show it",
            absence.began_at,
        )
        for absence in part.absences
    ]
    if attempt is not None:
        tried = f"attempt {attempt.number} may have been charged; its record is {attempt.object}"
        facts.insert(0, Fact(tried, attempt.at))
    return tuple(facts)


def _named(found: Evidence, part: PartRecord) -> str:
    others = ", and is not the part's" if found.remote_id in part.excluded else ""
    return f"remote job {found.remote_id} was named by: {found.how}{others}"


def _control(absence: Absence) -> str:
    return f", {absence.control} of ours among them" if absence.control else ", none of ours among them"


def _collected(part: PartRecord, _now: float) -> NextStep:
    taken_over = f", taken over from part {part.reused_from}" if part.reused_from else ""
    return NextStep(f"nothing: its verdicts are in storage{taken_over}{_because(part.reason, part.message)}")


def _part_failed(part: PartRecord, _now: float) -> NextStep:
    return NextStep(f"nothing: it has failed{_because(part.reason, part.message)}")


def _part_cancelled(part: PartRecord, _now: float) -> NextStep:
    how = "and its verdicts were not fetched" if part.reason == NOT_COLLECTED else "before it was submitted"
    return NextStep(f"nothing: it was cancelled {how}")


def _accepted(upload: UploadRecord, _now: float) -> NextStep:
    step = "it is cancelled" if upload.cancel_requested else "a worker reads the list and splits it into parts"
    return NextStep(f"{step}{_because(upload.reason, upload.message)}", upload.due_at)


def _preparing(upload: UploadRecord, now: float) -> NextStep:
    if upload.cancel_requested:
        return NextStep("reading the list ends and the upload is cancelled", upload.due_at)
    return _leased(upload, now, f"is reading the list ({upload.staged_rows:,} rows so far)") or NextStep(
        f"a worker reads the list again from its beginning{_because(upload.reason, upload.message)}", upload.due_at
    )


def _running(upload: UploadRecord, _now: float) -> NextStep:
    return NextStep(_together(upload), upload.due_at)


def _attention(upload: UploadRecord, _now: float) -> NextStep:
    if upload.lane is None:
        why = _because(upload.reason, upload.message)
        return NextStep(f"nothing by itself: a person must decide{why}", needs_person=True)
    what = f"{_together(upload)}; those in quarantine wait for a person"
    return NextStep(what, upload.due_at, needs_person=True)


def _together(upload: UploadRecord) -> str:
    if upload.cancel_requested and upload.no_collect:
        return "parts not yet submitted are dropped, and so are those already paid"
    if upload.cancel_requested:
        return "parts not yet submitted are dropped; those already paid are still collected"
    return f"its {upload.parts_total:,} parts are looked at together"


def _delivering(upload: UploadRecord, now: float) -> NextStep:
    return _leased(upload, now, "is writing the result") or NextStep(
        f"the result is written{_because(upload.reason, upload.message)}", upload.due_at
    )


def _completed(upload: UploadRecord, _now: float) -> NextStep:
    return NextStep("nothing: it is completed" + (f"; the result is {upload.result.object}" if upload.result else ""))


def _upload_failed(upload: UploadRecord, _now: float) -> NextStep:
    return NextStep(f"nothing: it has failed{_because(upload.reason, upload.message)}{_partial(upload)}")


def _upload_cancelled(upload: UploadRecord, _now: float) -> NextStep:
    return NextStep(f"nothing: it was cancelled{_partial(upload)}")


def _partial(upload: UploadRecord) -> str:
    return f"; what was paid is in {upload.result.object}" if upload.result else ""


def _leased(item: WorkItem, now: float, does: str) -> NextStep | None:
    """The step of whoever holds the lease, `None` when nobody does; `when` is the latest time by which it ends."""
    if item.lease is None or not item.leased_now(now):
        return None
    return NextStep(f"{item.lease.owner} {does}, or its lease ends and another worker looks", item.lease.until)


def _because(reason: str, message: str = "") -> str:
    """`: why`, in the record's sentence where it has one; empty without a reason."""
    why = message.removesuffix(".") or reason.replace("_", " ")
    return f": {why}" if why else ""


_KEPT_BACK: Mapping[Paused, str] = {
    Paused.CALLS: "calls",
    Paused.SPENDING: "submits",
}
_PARTS: Mapping[PartState, Callable[[PartRecord, float], NextStep]] = {
    PartState.PENDING: _pending,
    PartState.INTENT: _intent,
    PartState.SUBMITTED: _submitted,
    PartState.FINISHED: _finished,
    PartState.COLLECTED: _collected,
    PartState.FAILED: _part_failed,
    PartState.QUARANTINED: _quarantined,
    PartState.CANCELLED: _part_cancelled,
    PartState.HELD: _held,
}
#: What is done in its turn with a part of the state that stands in line.
_IN_TURN: Mapping[PartState, str] = {
    PartState.HELD: "it is submitted in its turn",
    PartState.FINISHED: "the verdicts of remote job {part.remote_id} are downloaded in their turn",
}
_UPLOADS: Mapping[UploadState, Callable[[UploadRecord, float], NextStep]] = {
    UploadState.ACCEPTED: _accepted,
    UploadState.PREPARING: _preparing,
    UploadState.RUNNING: _running,
    UploadState.DELIVERING: _delivering,
    UploadState.COMPLETED: _completed,
    UploadState.FAILED: _upload_failed,
    UploadState.CANCELLED: _upload_cancelled,
    UploadState.ATTENTION: _attention,
}
