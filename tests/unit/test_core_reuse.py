"""Reuse: which verdicts may be taken over, and what is written when they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core import part as parts
from worker.core import reuse as core
from worker.core import upload as uploads
from worker.core.change import Entry
from worker.core.states import PART_UNSPENT, PartState, UploadState
from worker.core.values import Evidence, SegmentFile

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

HOUR = 3_600.0
KEY = "k" * 32
ASKED = {
    "account": "ipqs-main",
    "service": "a1b2c3d4",
    "kind": "email",
    "version": "3",
    "rows": 100,
    "digest": "d" * 64,
}


def a_source(**fields: object) -> PartRecord:
    """A part that was verified an hour ago and collected a minute after."""
    known: dict[str, object] = {
        "state": PartState.COLLECTED,
        "reuse_key": KEY,
        "remote_id": "77",
        "remote_finished_at": NOW - HOUR,
        "collected_at": NOW - HOUR + 60,
        "verdicts_object": "uploads/earlier/parts/00000/verdicts.jsonl",
        "verdicts_digest": "e" * 64,
        "rows_returned": 100,
    }
    return a_part("earlier").model_copy(update=known | fields)


def asking(hours: float | None = 1.0, **fields: object) -> UploadRecord:
    """An upload that takes verdicts of that age."""
    return an_upload(state=UploadState.RUNNING).model_copy(update={"reuse_hours": hours} | fields)


def test_verdicts_are_offered_until_the_hours_are_over() -> None:
    """The age is that of the verification, and the last moment still counts."""
    assert core.fits(a_source(), asking(1.0), KEY, NOW)
    assert not core.fits(a_source(), asking(1.0), KEY, NOW + 1)
    assert core.fits(a_source(), asking(2.0), KEY, NOW + 1)


@pytest.mark.parametrize(
    "source",
    [
        a_source(reason="row_mismatch"),
        a_source(provisional=True),
        a_source(reuse_key=""),
        a_source(reuse_key="o" * 32),
        a_source(verdicts_object=None),
        a_source(collected_at=None),
        a_source(state=PartState.FINISHED),
        a_source(state=PartState.FAILED),
    ],
)
def test_verdicts_that_are_not_certain_are_not_offered(source: PartRecord) -> None:
    """Rows of other values, a job that is not surely the part's, another question and no verdicts are no offer."""
    assert not core.fits(source, asking(8_760.0), KEY, NOW)


def test_nothing_is_offered_to_who_did_not_ask() -> None:
    """Without the word in the request there is no reuse, nor where nothing is wanted any more."""
    assert not core.fits(a_source(), asking(None), KEY, NOW)
    assert core.is_wanted(asking())
    assert not core.is_wanted(asking(None))
    assert not core.is_wanted(asking(cancel_requested=True))
    assert not core.is_wanted(an_upload(state=UploadState.CANCELLED, reuse_hours=1.0))


@pytest.mark.parametrize(
    ("has", "wanted", "fits"),
    [((), (), True), (("bad", "clean"), ("clean",), True), (("bad",), ("bad", "clean"), False), ((), ("bad",), False)],
)
def test_segments_that_are_wanted_have_to_be_there(has: tuple[str, ...], wanted: tuple[str, ...], fits: bool) -> None:
    """A source with fewer segments than are wanted is no offer; one with more is."""
    source = a_source(segments=tuple(SegmentFile(segment=name, part=0) for name in has))
    assert core.fits(source, asking(1.0, segments=wanted), KEY, NOW) is fits


@pytest.mark.parametrize("change", [{name: "other"} for name in ASKED if name != "rows"] + [{"rows": 101}])
def test_another_question_has_another_key(change: dict[str, object]) -> None:
    """Account, service, kind, version, number and digest of the values: whatever differs, the key does."""
    assert core.reuse_key(**(ASKED | change)) != core.reuse_key(**ASKED)  # type: ignore[arg-type]  # of mixed types


def test_secrets_have_no_key() -> None:
    """Nothing of passwords is kept that could be taken over, and nobody can ask which passwords were verified."""
    assert core.reuse_key(**(ASKED | {"kind": "leaked_password"})) == ""  # type: ignore[arg-type]  # of mixed types


@pytest.mark.parametrize("state", PartState)
def test_only_parts_of_which_nothing_can_have_been_sent_do_without_a_job(state: PartState) -> None:
    """A part with an attempt, a job or an end is left as it is, whatever verdicts others have."""
    part = a_part(state=state)
    assert core.is_untouched(part) is (state in PART_UNSPENT)
    assert not core.is_untouched(part.model_copy(update={"attempt": an_attempt()}))
    assert not core.is_untouched(part.model_copy(update={"reason": core.LOST}))
    named = (Evidence(remote_id="77", how="answer", at=NOW),)
    assert not core.is_untouched(part.model_copy(update={"evidence": named}))


def test_a_reused_part_spends_nothing_and_says_whose_verdicts_it_has() -> None:
    """The part is collected without a job; what it would have cost is avoided, and the time is the verification's."""
    change = core.reuse(a_part(state=PartState.HELD), a_source(), NOW, verdicts_object="own")
    part = change.parts[0]
    assert (part.state, part.lane, part.reason, part.rows_done) == (PartState.COLLECTED, None, "", 100)
    assert (part.reused_from, part.verified_at, part.collected_at) == ("earlier/0", NOW - HOUR, NOW)
    assert (part.remote_id, part.evidence, part.credits_committed, part.submitted_at) == (None, (), 0, None)
    assert (part.verdicts_object, part.verdicts_digest, part.rows_returned) == ("own", "e" * 64, 100)
    assert change.ledger == {Entry.AVOIDED: 100}
    assert (change.decision, change.claims) == ("reuse", ())
    assert change.details == {"from": "earlier/0", "verified_at": NOW - HOUR, "rows": 100}


def test_a_reservation_of_a_worker_that_died_is_given_up() -> None:
    """What was reserved for an attempt that was never begun goes back when the part needs none."""
    change = core.reuse(a_part(credits_reserved=100), a_source(), NOW, verdicts_object="own")
    assert change.ledger == {Entry.AVOIDED: 100, Entry.RELEASED: 100}
    assert change.parts[0].credits_reserved == 0


def test_verdicts_that_are_taken_over_again_get_no_younger() -> None:
    """Along a chain the first part and the time of its verification stay."""
    second = core.reuse(a_part("second"), a_source(), NOW, verdicts_object="own").parts[0]
    assert core.fits(second, asking(1.0), KEY, NOW)
    assert not core.fits(second, asking(1.0), KEY, NOW + 1)
    third = core.reuse(a_part("third"), second, NOW + HOUR, verdicts_object="own").parts[0]
    assert (third.reused_from, third.verified_at) == ("earlier/0", NOW - HOUR)


def test_a_providers_clock_that_is_ahead_makes_no_verdict_younger() -> None:
    """Verdicts are at least as old as their collection, whenever the provider says that it finished."""
    assert a_source(remote_finished_at=NOW + 5 * HOUR).verified_at == NOW - HOUR + 60
    assert a_source(remote_finished_at=None).verified_at == NOW - HOUR + 60


@pytest.mark.parametrize("provisional", [False, True])
@pytest.mark.parametrize("same", [True, False])
def test_a_part_is_offered_from_its_collection_on_if_its_verdicts_are_certain(same: bool, provisional: bool) -> None:
    """The decision that keeps the verdicts offers them, unless they are on other values."""
    finished = a_part(state=PartState.FINISHED, remote_id="77", reuse_key=KEY, provisional=provisional)
    verdicts: dict[str, Any] = {"rows_returned": 100, "verdicts_object": "v", "verdicts_digest": "e" * 64}
    change = parts.collected(finished, NOW, same_values=same, reuse_key=KEY, **verdicts)
    assert change.parts[0].reusable is same
    otherwise = parts.collected(finished, NOW, same_values=same, reuse_key="o" * 32, **verdicts)
    assert (otherwise.parts[0].reusable, otherwise.parts[0].reuse_key) == (False, "")


def test_the_end_tells_what_was_reused_to_who_asked() -> None:
    """`completed` has the number of values that were taken over; without the word in the request it has none."""
    result = a_result().model_copy(update={"reused_values": 100})
    delivering = an_upload(state=UploadState.DELIVERING, parts_total=1)
    asked = delivering.model_copy(update={"reuse_hours": 1.0})
    told = uploads.delivered(asked, result, 0, NOW, 30.0).events[0].details
    assert told["reused_values"] == 100
    unasked = uploads.delivered(delivering, a_result(), 0, NOW, 30.0).events[0].details
    assert "reused_values" not in unasked
