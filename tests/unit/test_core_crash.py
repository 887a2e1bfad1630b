"""A step that ends without an outcome is tried again, and stopped when it keeps ending so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import LEASE_SECONDS, attempted, finished, reserved
from tests.builders.records import NOW, a_part, an_upload
from worker.core.change import Change, Entry
from worker.core.crash import CRASH_BACKOFF_SECONDS, crashed, poisoned
from worker.core.states import Lane, PartState, UploadState

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

CRASHES_MAX = 3


def crash(record: UploadRecord | PartRecord) -> Change:
    """The decision on a crash of this record's step."""
    return crashed(record, NOW, "ZeroDivisionError", crashes_max=CRASHES_MAX, days=30.0)


def test_a_crashed_step_is_tried_again_after_a_while() -> None:
    """The record loses its lease, keeps its state and lane, and is due after the shortest wait."""
    change = crash(finished().leased("host:1", NOW, LEASE_SECONDS))
    part = change.parts[0]
    assert (part.state, part.lane, part.lease, part.crashes) == (PartState.FINISHED, Lane.COLLECT, None, 1)
    assert part.due_at == NOW + CRASH_BACKOFF_SECONDS[0]
    assert (change.decision, part.reason) == ("crashed", "crashed")


def test_only_the_name_of_the_error_is_kept() -> None:
    """A crash is told by the error's class, never by its text, which may hold anything."""
    change = crash(an_upload(state=UploadState.PREPARING).leased("host:1", NOW, LEASE_SECONDS))
    assert change.uploads[0].message == "Ended with ZeroDivisionError."
    assert change.details is not None
    assert change.details["error"] == "ZeroDivisionError"


@pytest.mark.parametrize("under_lease", [True, False])
def test_a_step_that_keeps_crashing_comes_to_an_end(under_lease: bool) -> None:
    """After so many crashes in a row a part goes into quarantine, also when it crashes before it takes its lease."""
    part, waits, change = finished(), [], None
    for _ in range(CRASHES_MAX):
        change = crash(part.leased("host:1", NOW, LEASE_SECONDS) if under_lease else part)
        part = change.parts[0]
        waits.append(part.due_at)
    assert waits == [NOW + 2, NOW + 4, None]
    assert change is not None
    assert (part.state, part.reason) == (PartState.QUARANTINED, "poison_part")
    assert [event.name for event in change.events] == ["needs_attention"]


def test_an_attempt_of_a_crashed_submit_stays_open() -> None:
    """A crash after the intent leaves the part in `intent` with its attempt: only its outcome decides."""
    part = crash(attempted()).parts[0]
    assert (part.state, part.attempt, part.credits_reserved) == (PartState.INTENT, attempted().attempt, 100)


def test_poison_that_may_have_been_charged_keeps_its_reservation() -> None:
    """A part stopped with an open attempt holds its credits and its place; one stopped before gives both back."""
    open_attempt = poisoned(attempted(), NOW, days=30.0)
    assert (open_attempt.ledger, open_attempt.parts[0].credits_reserved) == ({}, 100)
    unsent = poisoned(reserved(a_part()), NOW, days=30.0)
    assert (unsent.ledger, unsent.parts[0].credits_reserved) == ({Entry.RELEASED: 100}, 0)


@pytest.mark.parametrize("state", [UploadState.ACCEPTED, UploadState.PREPARING])
def test_an_upload_that_cannot_be_read_fails_before_anything_is_spent(state: UploadState) -> None:
    """Poison before any part exists ends the upload."""
    assert poisoned(an_upload(state=state), NOW, days=30.0).uploads[0].state is UploadState.FAILED


@pytest.mark.parametrize("state", [UploadState.RUNNING, UploadState.ATTENTION, UploadState.DELIVERING])
def test_an_upload_that_was_paid_for_is_stopped_and_not_failed(state: UploadState) -> None:
    """Poison after parts were sent waits for a person: what was paid for is not thrown away."""
    stopped = poisoned(an_upload(state=state), NOW, days=30.0).uploads[0]
    assert (stopped.state, stopped.lane, stopped.reason) == (UploadState.ATTENTION, None, "poison_upload")


def test_an_outcome_forgets_the_crashes_before_it() -> None:
    """Crashes count in a row only: a step that ends with an outcome begins anew."""
    part = crash(finished().leased("host:1", NOW, LEASE_SECONDS)).parts[0]
    assert part.moved(PartState.FINISHED, NOW).crashes == 0
