"""What a cancellation does to each part: unpaid ones are dropped, paid ones collected, unless nobody wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import attempted, finished, in_quarantine, reserved, sent
from tests.builders.records import NOW, a_part, an_attempt, an_upload
from worker.core.cancel import NOT_COLLECTED, dropped, is_surely_paid, rows_not_collected
from worker.core.change import Entry
from worker.core.states import PART_TERMINAL, PartState, UploadState

if TYPE_CHECKING:
    from worker.core.records import PartRecord

LATER = NOW + 100_000.0
RUNNING = an_upload(state=UploadState.RUNNING)
CANCELLING = RUNNING.model_copy(update={"cancel_requested": True})
GIVING_UP = CANCELLING.model_copy(update={"no_collect": True})

UNSENT = [a_part(), a_part(state=PartState.HELD), reserved(a_part())]
#: Stopped for crashing after its job was known.
POISONED = a_part(state=PartState.QUARANTINED, remote_id="77", credits_committed=100, reason="poison_part")
PAID = [sent(), finished(tries=3), POISONED]
#: What they cost, or whose job they have, is not known for sure.
UNCERTAIN = [
    attempted(),
    in_quarantine(),
    sent(provisional=True),
    sent(attempt=an_attempt(2)),
    a_part(state=PartState.QUARANTINED, reason="poison_part"),
]
ENDED = [a_part(state=state, remote_id="77", credits_committed=100) for state in PART_TERMINAL]


@pytest.mark.parametrize("part", UNSENT + PAID + UNCERTAIN + ENDED)
def test_without_a_cancellation_nothing_is_dropped(part: PartRecord) -> None:
    """An upload that is wanted keeps all of its parts."""
    assert dropped(part, RUNNING, LATER) is None


@pytest.mark.parametrize("part", UNSENT)
def test_what_was_not_sent_is_dropped_and_its_reservation_released(part: PartRecord) -> None:
    """A part for which nothing was spent ends as cancelled, whether paid ones are wanted or not."""
    for upload in (CANCELLING, GIVING_UP):
        change = dropped(part, upload, LATER)
        assert change is not None
        assert (change.parts[0].state, change.parts[0].reason) == (PartState.CANCELLED, "cancelled")
        assert change.ledger.get(Entry.RELEASED, 0) == part.credits_reserved


@pytest.mark.parametrize("part", PAID)
def test_what_is_paid_is_dropped_only_where_nobody_wants_it(part: PartRecord) -> None:
    """It ends without verdicts; its credits stay committed, its remote id stays its own, and the ledger as it is."""
    assert dropped(part, CANCELLING, LATER) is None
    change = dropped(part, GIVING_UP, LATER)
    assert change is not None
    ended = change.parts[0]
    assert (ended.state, ended.reason, ended.lane) == (PartState.CANCELLED, NOT_COLLECTED, None)
    assert (ended.remote_id, ended.credits_committed) == ("77", 100)
    assert (change.ledger, change.claims) == ({}, ())
    assert rows_not_collected([ended, a_part(state=PartState.CANCELLED, reason="cancelled")]) == 100


@pytest.mark.parametrize("part", UNCERTAIN + ENDED)
def test_nothing_uncertain_is_forgotten(part: PartRecord) -> None:
    """An attempt of unknown outcome, a job found by its time alone and what has ended stay as they are."""
    assert not is_surely_paid(part)
    assert dropped(part, CANCELLING, LATER) is None
    assert dropped(part, GIVING_UP, LATER) is None


@pytest.mark.parametrize("part", UNSENT + PAID)
def test_a_part_that_somebody_works_on_is_left_alone(part: PartRecord) -> None:
    """Under a live lease the part may be about to be sent, or its result about to be here."""
    assert dropped(part.leased("host:1", LATER, 60.0), GIVING_UP, LATER + 59.0) is None
    assert dropped(part.leased("host:1", LATER, 60.0), GIVING_UP, LATER + 61.0) is not None
