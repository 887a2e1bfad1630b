"""The upload's decisions: from a request to a result, a failure or a cancellation that says why."""

from __future__ import annotations

import pytest

from tests.builders.records import NOW, a_part, a_result, an_upload
from worker.core import upload as core
from worker.core.change import Acknowledgement, Change, Entry
from worker.core.errors import IllegalMove
from worker.core.states import Lane, PartState, UploadState

LATER = NOW + 30
DAYS = 30.0
P = PartState
#: What staging found in a list of ten rows, of which six are sent.
STAGED = core.Prepared(
    dialect={"delimiter": ","},
    input_object="uploads/list-1/input/list.csv",
    input_bytes=99,
    rows=10,
    empty=1,
    folded=2,
    withheld=1,
    distinct=6,
)


def settled(parts: dict[PartState, int], state: UploadState = UploadState.RUNNING) -> object:
    """The state and the due time to which settling an upload with these parts leads."""
    change = core.settle(an_upload(state=state), core.Standing(parts), "host:1", NOW, lease=60.0, safety=300.0)
    return change.uploads[0].state, change.uploads[0].due_at, change.uploads[0].leased_now(NOW)


def test_accepting_answers_the_request_in_the_same_write() -> None:
    """The upload, its event and the acknowledgement of the stream's entry belong to one change."""
    change = core.accept(an_upload(), "17-0")
    assert change.acknowledge == Acknowledgement("17-0")
    assert [(event.name, event.details) for event in change.events] == [
        ("accepted", {"entry": "17-0", "duplicate": False})
    ]
    assert (change.uploads[0].lane, change.uploads[0].due_at) == (Lane.PREPARE, NOW)


def test_preparing_is_told_when_it_begins_and_not_when_it_begins_again() -> None:
    """The first preparation is an event; one after a crash is a lease like any other, and the crash still counts."""
    first = core.preparing(an_upload(), "host:1", NOW, 60.0)
    again = core.preparing(first.uploads[0], "host:2", LATER, 60.0)
    assert ([event.name for event in first.events], again.events) == (["started"], ())
    assert again.details is None
    assert (again.uploads[0].crashes, again.uploads[0].epoch) == (2, 2)


def test_a_staged_list_has_its_parts_in_the_same_write() -> None:
    """Every part is born with the upload's move to running, and what was not sent is counted as avoided."""
    parts = [a_part(index=index) for index in range(3)]
    upload = an_upload(state=UploadState.PREPARING, reason="crashed")
    change = core.prepared(upload, STAGED, parts, NOW, 300.0)
    running = change.uploads[0]
    assert change.parts == tuple(parts)
    assert (running.state, running.parts_total, running.due_at) == (UploadState.RUNNING, 3, NOW + 300)
    assert (running.rows, running.empty, running.folded, running.withheld, running.distinct) == (10, 1, 2, 1, 6)
    assert (running.reason, change.ledger) == ("", {Entry.AVOIDED: 2})
    assert sum(change.counters.values()) == 10


def test_a_step_put_off_again_and_again_is_told_once_for_each_reason() -> None:
    """A step that waits for storage stays in its state with its tries counted, and the timeline is not flooded."""
    first = core.later(an_upload(state=UploadState.PREPARING), NOW, "storage_unavailable", "Full.", LATER)
    second = core.later(first.uploads[0], LATER, "storage_unavailable", "Full.", LATER + 10)
    other = core.later(second.uploads[0], LATER, "scratch", "Full.", LATER + 10)
    assert [change.uploads[0].tries for change in (first, second, other)] == [1, 2, 3]
    assert [change.details is None for change in (first, second, other)] == [False, True, False]
    assert second.uploads[0].due_at == LATER + 10


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (core.fail(an_upload(), NOW, "empty", "There is nothing in it.", DAYS), "failed"),
        (core.cancelled(an_upload(cancel_requested=True), NOW, DAYS), "cancelled"),
    ],
)
def test_an_end_is_told_counted_and_kept_for_its_time(change: Change, word: str) -> None:
    """An upload that ends before anything was spent is an event, a count, and a record with a time to be purged."""
    ended = change.uploads[0]
    assert (ended.state, ended.lane, ended.finished_at, ended.retain_until) == (word, None, NOW, NOW + DAYS * 86_400)
    assert [event.name for event in change.events] == [word]
    assert change.counters == {("uploads", "ipqs", "email", word): 1}


def test_a_stopped_upload_waits_for_a_person() -> None:
    """Where something was paid for, an upload that cannot go on is in no lane and asks for attention."""
    change = core.stop(an_upload(state=UploadState.DELIVERING), NOW, "poison_upload", "It ended five times.")
    stopped = change.uploads[0]
    assert (stopped.state, stopped.lane, stopped.due_at) == (UploadState.ATTENTION, None, None)
    assert [event.name for event in change.events] == ["needs_attention"]


@pytest.mark.parametrize("state", [UploadState.ACCEPTED, UploadState.RUNNING])
def test_a_cancellation_is_looked_at_at_once(state: UploadState) -> None:
    """Asking to cancel changes no state; it makes the upload due now in its lane."""
    asked = core.request_cancel(an_upload(state=state, due_at=NOW + 300), LATER).uploads[0]
    assert (asked.state, asked.cancel_requested, asked.due_at) == (state, True, LATER)


def test_giving_up_what_is_paid_is_never_taken_back() -> None:
    """A later cancellation that says nothing of it leaves it given up."""
    given_up = core.request_cancel(an_upload(state=UploadState.RUNNING), NOW, no_collect=True).uploads[0]
    assert core.request_cancel(given_up, LATER).uploads[0].no_collect
    assert not core.request_cancel(an_upload(state=UploadState.RUNNING), NOW).uploads[0].no_collect


def test_an_upload_whose_paid_rows_were_given_up_says_how_many() -> None:
    """Its message, its event and its result tell the rows that were paid for and not fetched."""
    upload = an_upload(state=UploadState.DELIVERING, cancel_requested=True, no_collect=True)
    result = a_result(rows=100, missing=40).model_copy(update={"not_collected_rows": 40})
    change = core.delivered(upload, result, 0, NOW, DAYS)
    assert change.uploads[0].message == "Cancelled on request; 40 rows were paid for and not fetched."
    assert change.events[0].details["not_collected_rows"] == 40


def test_a_cancellation_of_a_stopped_upload_gives_it_no_due_time_without_a_lane() -> None:
    """A record is due in a lane or not at all."""
    stopped = core.stop(an_upload(state=UploadState.DELIVERING), NOW, "poison_upload", "Five times.").uploads[0]
    asked = core.request_cancel(stopped, LATER).uploads[0]
    assert (asked.lane is None) == (asked.due_at is None)


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ({P.COLLECTED: 2, P.PENDING: 1}, UploadState.RUNNING),
        ({P.COLLECTED: 2, P.HELD: 1}, UploadState.RUNNING),
        ({P.COLLECTED: 2, P.INTENT: 1}, UploadState.RUNNING),
        ({P.COLLECTED: 2, P.FINISHED: 1}, UploadState.RUNNING),
        ({P.COLLECTED: 2, P.QUARANTINED: 1}, UploadState.ATTENTION),
        ({P.SUBMITTED: 2, P.QUARANTINED: 1}, UploadState.ATTENTION),
    ],
)
@pytest.mark.parametrize("before", [UploadState.RUNNING, UploadState.ATTENTION])
def test_an_upload_is_not_delivered_while_a_part_may_bring_more(
    parts: dict[PartState, int], state: UploadState, before: UploadState
) -> None:
    """An upload with a part under way or in quarantine is looked at again later, and asks for attention if it must."""
    assert settled(parts, before) == (state, NOW + 300, False)


@pytest.mark.parametrize("parts", [{P.COLLECTED: 3}, {P.COLLECTED: 1, P.FAILED: 1, P.CANCELLED: 1}, {P.FAILED: 1}])
def test_an_upload_is_delivered_when_no_part_can_bring_more(parts: dict[PartState, int]) -> None:
    """With every part at its end, the upload is delivered under a lease."""
    assert settled(parts) == (UploadState.DELIVERING, NOW + 60, True)
    assert settled(parts, UploadState.DELIVERING) == (UploadState.DELIVERING, NOW + 60, True)


@pytest.mark.parametrize("before", [UploadState.RUNNING, UploadState.DELIVERING])
def test_an_upload_with_an_open_part_goes_back_to_waiting(before: UploadState) -> None:
    """Also from a delivery that had begun: Redis may have been set back under it to where the part was open."""
    assert settled({P.SUBMITTED: 1, P.COLLECTED: 2}, before) == (UploadState.RUNNING, NOW + 300, False)
    change = core.not_done(an_upload(state=UploadState.DELIVERING), NOW, NOW + 300)
    assert (change.uploads[0].state, change.uploads[0].due_at, change.uploads[0].lease) == (
        UploadState.RUNNING,
        NOW + 300,
        None,
    )


def test_a_delivery_that_crashed_keeps_its_crashes() -> None:
    """Delivering again counts on from the crash before, so that a poisonous result is found out."""
    crashed = an_upload(state=UploadState.DELIVERING, crashes=2)
    change = core.settle(crashed, core.Standing({P.COLLECTED: 1}), "host:1", NOW, lease=60.0, safety=300.0)
    assert change.uploads[0].crashes == 3


def test_waiting_for_parts_is_told_only_when_the_state_changes() -> None:
    """A look that finds everything as before leaves no entry in the timeline."""
    standing = core.Standing({P.SUBMITTED: 1})
    quiet = core.settle(an_upload(state=UploadState.RUNNING), standing, "h", NOW, lease=60.0, safety=300.0)
    told = core.settle(an_upload(state=UploadState.ATTENTION), standing, "h", NOW, lease=60.0, safety=300.0)
    assert quiet.details is None
    assert told.details is not None


@pytest.mark.parametrize(
    ("cancel", "missing", "failed", "state", "reason"),
    [
        (False, 0, 0, UploadState.COMPLETED, ""),
        (False, 5, 0, UploadState.FAILED, "rows_missing"),
        (False, 5, 1, UploadState.FAILED, "parts_failed"),
        (True, 0, 0, UploadState.COMPLETED, ""),
        (True, 5, 0, UploadState.CANCELLED, "cancelled"),
        (True, 5, 1, UploadState.CANCELLED, "cancelled"),
    ],
)
def test_a_partial_result_is_never_called_completed(
    cancel: bool, missing: int, failed: int, state: UploadState, reason: str
) -> None:
    """Whatever is missing and why, the end says so, and the result that was paid for is told with it."""
    upload = an_upload(state=UploadState.DELIVERING, cancel_requested=cancel, parts_total=2)
    change = core.delivered(upload, a_result(missing=missing), failed, NOW, DAYS)
    ended = change.uploads[0]
    assert (ended.state, ended.reason) == (state, reason)
    assert ended.result == a_result(missing=missing)
    assert change.events[0].details["counts"] == {
        "rows": 100, "matched": 100 - missing, "folded": 0, "empty": 0, "withheld": 0, "missing": missing
    }  # fmt: skip
    assert change.counters["rows", "ipqs", "email", "missing"] == missing


@pytest.mark.parametrize("state", [UploadState.COMPLETED, UploadState.FAILED, UploadState.CANCELLED])
def test_an_ended_upload_is_not_prepared_again(state: UploadState) -> None:
    """No decision takes an upload out of its end."""
    with pytest.raises(IllegalMove):
        core.preparing(an_upload(state=state), "host:1", NOW, 60.0)


@pytest.mark.parametrize("there", [True, False])
def test_whoever_asked_for_rows_is_told_whether_they_are_in_redis(there: bool) -> None:
    """The event of an upload's end says it where rows were asked for, and is silent about it elsewhere."""
    result = a_result().model_copy(update={"rows_in_redis": there})
    delivering = an_upload(state=UploadState.DELIVERING)
    asked = delivering.model_copy(update={"result_place": "rows"})
    assert core.delivered(asked, result, 0, NOW, 30.0).events[0].details["rows_in_redis"] is there
    assert "rows_in_redis" not in core.delivered(delivering, result, 0, NOW, 30.0).events[0].details


def test_verdicts_that_are_in_no_row_are_told() -> None:
    """What a provider answered besides stands in the timeline and in the event, where there is any."""
    delivering = an_upload(state=UploadState.DELIVERING)
    odd = a_result().model_copy(update={"extra_verdicts": 2, "duplicate_verdicts": 1})
    change = core.delivered(delivering, odd, 0, NOW, DAYS)
    assert change.details == change.events[0].details
    assert (change.events[0].details["extra_verdicts"], change.events[0].details["duplicate_verdicts"]) == (2, 1)
    assert "extra_verdicts" not in core.delivered(delivering, a_result(), 0, NOW, DAYS).events[0].details
