"""Retry: how an upload that stopped is brought back to work, decided so that nothing is paid for twice by accident.

An upload that still lives goes on where it is: what waits is due at once, and a part that was stopped after too many
crashes is begun again. A part with an attempt of unknown outcome is never touched: evidence or a person resolves it.
An upload at its end never changes; a follow-up with an id of its own is submitted in its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.account import lift
from worker.core.change import Change
from worker.core.drift.classes import DriftClass
from worker.core.observe import MISSING_REASON
from worker.core.part import TURN_REASONS
from worker.core.states import PART_UNSPENT, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from worker.core.records import AccountRecord, PartRecord, UploadRecord

#: Characters of an upload id; the contract has the same rule.
UPLOAD_ID_CHARACTERS_MAX = 100
#: What follows the id of an upload in that of its follow-ups: `.r1`, `.r2`, …
_FOLLOW_UP = re.compile(r"(.+)\.r[1-9][0-9]{0,3}")
#: Sources that can be read once more. A list that came inside its request is not kept in the record.
SOURCES_KEPT = frozenset({"path", "url", "remote_url"})
#: Why a part is in quarantine whose job was not what it should be: it goes on with that job, and with no other.
_JOB_REASONS = frozenset(
    map(
        str,
        (
            DriftClass.IDENTITY_COLLISION,
            DriftClass.STATUS_REGRESSION,
            DriftClass.RESULT_EXPIRED,
            DriftClass.TERMINAL_DISAGREEMENT,
            DriftClass.MISSING_ARTIFACT,
        ),
    )
)
#: Why a part is in quarantine that was made again after Redis was lost, and that nothing was ever spent for.
UNSENT_REASON = "recovered_unsent"
#: Why a part is in quarantine that can go on when a person wants it to, with the job that it has: its step crashed too
#: often, nobody saw its job for long, or the job was not what it should be; or it never had one: nothing was sent
#: before Redis was lost, or its values were found damaged, which are looked at once more.
QUARANTINE_REASONS = (
    frozenset({"poison_part", "attempts_exhausted", "values_damaged", MISSING_REASON, UNSENT_REASON}) | _JOB_REASONS
)
#: Why an account is paused that stays so: its provider asked to be left alone.
PAUSES_KEPT = frozenset({"throttled"})


@dataclass(frozen=True, slots=True)
class Tried:
    """An upload and its parts, as they were read."""

    upload: UploadRecord
    parts: Sequence[PartRecord]
    #: Ids of the parts that stand in their account's line, from where they are called up by turns.
    in_line: Container[str] = frozenset()

    @property
    def rows_paid(self) -> int:
        """Rows that were paid for, or may have been."""
        return sum(rows_paid(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Wake:
    """The upload goes on where it is: nothing is paid for again."""

    #: Parts that are due at once.
    parts: int
    #: Parts in quarantine that are left to evidence or a person.
    left: int
    #: Parts that stand in their account's line and keep their turns.
    in_line: int = 0


@dataclass(frozen=True, slots=True)
class Submit:
    """A follow-up of the upload is submitted, which is paid for in whole."""

    upload_id: str
    #: Rows to be paid for, if the list is still the same; `None` when it was never read to its end.
    rows_most: int | None
    #: Rows that the upload and its earlier follow-ups have paid for, or may have.
    rows_paid_before: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is done."""

    #: A bounded word.
    reason: str
    message: str
    #: Whether what was asked for cannot be had, rather than being had already.
    refused: bool = False


def plan(tried: Sequence[Tried], account: AccountRecord, now: float) -> Wake | Submit | Leave:
    """What a retry does for an upload; `tried` are the upload and its follow-ups, the first one first."""
    first, last = tried[0].upload, tried[-1].upload
    if last.terminal and last.state is not UploadState.COMPLETED:
        return _submit(tried)
    if last is not first:
        return Leave("already_retried", f"It was retried as {last.upload_id}, which is {last.state}.")
    if last.state is UploadState.COMPLETED:
        return Leave(
            "completed", "It is completed; to have its list verified once more, upload it --again.", refused=True
        )
    if last.cancel_requested:
        return Leave("cancelling", "Its cancellation was requested, which cannot be taken back.", refused=True)
    return _wake(tried[-1], account, now)


def _submit(tried: Sequence[Tried]) -> Submit | Leave:
    first, last = tried[0].upload, tried[-1].upload
    if not SOURCES_KEPT.issuperset(last.source):
        message = (
            "Its rows came in the request: have the application send them again with `again` or another upload_id."
        )
        return Leave("source_gone", message, refused=True)
    upload_id = follow_up_id(first.upload_id, len(tried))
    if len(upload_id) > UPLOAD_ID_CHARACTERS_MAX:
        return Leave("id_too_long", f"{upload_id} is too long for an id: upload the list with another.", refused=True)
    rows_most = last.distinct if last.parts_total else None
    return Submit(upload_id, rows_most, sum(each.rows_paid for each in tried))


def _wake(tried: Tried, account: AccountRecord, now: float) -> Wake | Leave:
    in_line = sum(part.part_id in tried.in_line for part in tried.parts)
    woken = sum(part.part_id not in tried.in_line and part_again(part, now) is not None for part in tried.parts)
    left = sum(part.state is PartState.QUARANTINED and part_again(part, now) is None for part in tried.parts)
    if woken or upload_again(tried.upload, now) or account_again(account):
        return Wake(woken, left, in_line)
    if left:
        message = f"{left:,} of its parts wait for evidence or a person, and nothing else does."
        return Leave("needs_person", message, refused=True)
    return Leave("nothing_waits", "Nothing of it waits: it is being worked on, or the provider is.")


def follow_up_id(upload_id: str, number: int) -> str:
    """The id of an upload's follow-up of this number, counted from 1."""
    return f"{upload_id}.r{number}"


def followed_id(upload_id: str) -> str | None:
    """The id of the upload that this one may be a follow-up of; `None` when the id does not look like one."""
    found = _FOLLOW_UP.fullmatch(upload_id)
    return found and found[1]


def follows(upload: UploadRecord, first: UploadRecord) -> bool:
    """Whether an upload with the id of a follow-up is one, and not an application's own of that name."""
    return (upload.account, upload.kind, upload.source, upload.options) == (
        first.account,
        first.kind,
        first.source,
        first.options,
    )


def part_again(part: PartRecord, now: float) -> Change | None:
    """The part is due at once; `None` when it does not wait, when someone is at it, or when it is not to be touched."""
    if part.leased_now(now):
        return None
    state = _state_again(part, now)
    if state is None:
        return None
    again = part.moved(state, now, crashes=0, tries=0, reason="", message="", attempts_from=part.attempts)
    return parts.change("retry", again, details=None)


def _state_again(part: PartRecord, now: float) -> PartState | None:
    """The state in which the part goes on."""
    if part.state is PartState.QUARANTINED:
        return _released(part)
    # Who waits for a place on the account, or for a call, is called up in its turn.
    waits = part.state in PART_UNSPENT | {PartState.FINISHED} and part.reason not in TURN_REASONS
    return part.state if waits and (part.tries or part.crashes or (part.due_at or now) > now) else None


def _released(part: PartRecord) -> PartState | None:
    """Where a part goes on that was stopped after too many tries; `None` while it may be paid for unknown to us."""
    if part.reason not in QUARANTINE_REASONS or part.attempt is not None:
        return None
    if part.remote_id is None:
        return None if part.reason in _JOB_REASONS or rows_paid(part) else PartState.PENDING
    return PartState.SUBMITTED if part.finished_at is None else PartState.FINISHED


def rows_paid(part: PartRecord) -> int:
    """Rows that were paid for, or may have been: each remote job, and an open attempt, is a charge.

    The job that a part was only taken to have, because of its time, is that of its open attempt.
    """
    attempts = part.attempt is not None and not part.provisional
    return max(part.credits_committed, part.rows * (len(set(part.possible_jobs)) + attempts))


def upload_again(upload: UploadRecord, now: float) -> Change | None:
    """The upload itself is due at once; `None` when it was neither stopped nor put off, or someone is at it."""
    if upload.leased_now(now) or not (upload.lane is None or upload.tries or upload.crashes):
        return None
    again = upload.moved(upload.state, now, crashes=0, tries=0, reason="", message="")
    return uploads.change("retry", again)


def parts_woken(upload: UploadRecord, number: int) -> Change:
    """Tell the upload's timeline that parts of it were woken; no record changes."""
    return Change("retry", upload.upload_id, upload.account, details={"parts": number})


def retried(upload: UploadRecord, upload_id: str) -> Change:
    """Tell the timeline of an upload at its end which follow-up was submitted; no record changes."""
    return Change("retried", upload.upload_id, upload.account, details={"upload_id": upload_id})


def account_again(account: AccountRecord) -> Change | None:
    """Calls for the account begin again now; `None` when they are not paused, or its provider asked for the pause."""
    return lift(account, PAUSES_KEPT)
