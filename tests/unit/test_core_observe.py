"""What one look at a remote job means for its part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.core_records import POLICY, sent
from tests.builders.records import NOW, an_attempt
from worker.core.errors import IllegalMove
from worker.core.observe import MISSING_LOOKS_MAX, MISSING_REASON, Seen, elsewhere, not_seen, observed, rode_along
from worker.core.retry import part_again
from worker.core.search import ANSWERS_WITHIN_SECONDS
from worker.core.states import Lane, PartState

if TYPE_CHECKING:
    from worker.core.records import PartRecord

LATER = NOW + 100


def test_a_finished_job_is_collected_at_once() -> None:
    """A job that is done makes its part due in the collect lane now, with all its rows done."""
    part = observed(sent(), Seen("finished", "FINISHED"), LATER, POLICY).parts[0]
    assert (part.state, part.lane, part.due_at) == (PartState.FINISHED, Lane.COLLECT, LATER)
    assert (part.rows_done, part.progress, part.looks) == (100, 1.0, 1)


@pytest.mark.parametrize(
    ("ended_at", "believed"),
    [(NOW + 40, NOW + 40), (None, LATER), (NOW - 1, LATER), (LATER + 1, LATER), (float("nan"), LATER)],
)
def test_the_providers_clock_is_believed_only_where_it_can_be_true(ended_at: float | None, believed: float) -> None:
    """The end of a job is the provider's, unless that lies before the part was made or in the future."""
    part = observed(sent(), Seen("finished", ended_at=ended_at), LATER, POLICY).parts[0]
    assert part.remote_finished_at == believed
    assert part.finished_at == LATER


def test_an_aborted_job_fails_its_part_and_is_never_sent_again() -> None:
    """A job that the provider gave up fails its part, for a person to see, and is counted as drift."""
    change = observed(sent(), Seen("aborted", "ERROR"), LATER, POLICY)
    assert (change.parts[0].state, change.reason) == (PartState.FAILED, "remote_aborted")
    assert change.parts[0].lane is None
    assert change.counters == {("drift", "remote_aborted"): 1}
    assert change.ledger == {}


@pytest.mark.parametrize("status", ["waiting", "running", "unknown", "a word nobody knows"])
def test_whatever_is_not_an_end_is_looked_at_again(status: str) -> None:
    """A job that is neither done nor given up stays submitted and is due within the schedule's bounds."""
    part = observed(sent(), Seen(status, "W"), LATER, POLICY).parts[0]
    assert (part.state, part.lane) == (PartState.SUBMITTED, Lane.POLL)
    assert part.due_at is not None
    assert POLICY.floor_seconds <= part.due_at - LATER <= POLICY.cap_seconds


def test_a_status_word_nobody_knows_is_the_reason_of_the_part() -> None:
    """A part whose status is not understood says so until it is."""
    strange = observed(sent(), Seen("unknown", "ZOMBIE"), LATER, POLICY).parts[0]
    known = observed(strange, Seen("running", "RUNNING"), LATER + 10, POLICY).parts[0]
    assert (strange.reason, strange.remote_word, known.reason) == ("unknown_status", "ZOMBIE", "")


def test_a_part_whose_account_was_pointed_elsewhere_waits_longer_each_time() -> None:
    """The wait doubles with each look in vain, and begins anew once a look has shown the job."""
    first = elsewhere(sent(), LATER).parts[0]
    second = elsewhere(first, LATER).parts[0]
    assert (first.reason, first.looks, first.tries) == ("account_moved", 0, 1)
    assert (second.due_at or 0) - LATER == 2 * ((first.due_at or 0) - LATER)
    again = observed(second, Seen("running", "RUNNING"), LATER + 200, POLICY).parts[0]
    assert (again.reason, again.tries) == ("", 0)


@given(
    before=st.none() | st.floats(0, 1),
    shown=st.none() | st.floats(allow_nan=False) | st.sampled_from([-1.0, 2.0, float("inf"), float("-inf")]),
)
def test_progress_never_goes_back_and_never_beyond_all(before: float | None, shown: float | None) -> None:
    """Whatever a provider says, what is told to people only grows and stays within the part's rows."""
    part = sent(progress=before, rows_done=int((before or 0) * 100))
    again = observed(part, Seen("running", "R", progress=shown), LATER, POLICY).parts[0]
    assert (before or 0) <= (again.progress or 0) <= 1.0
    assert part.rows_done <= again.rows_done <= part.rows


def test_progress_that_is_no_number_is_no_progress() -> None:
    """A progress of NaN changes nothing and does not stop the polling."""
    again = observed(sent(progress=0.5), Seen("running", "R", progress=float("nan")), LATER, POLICY).parts[0]
    assert (again.progress, again.rows_done) == (0.5, 50)


def test_applications_are_told_of_progress_in_steps() -> None:
    """A step of progress is an event with the rows so far; a crumb of it is not."""
    step = observed(sent(progress=0.1), Seen("running", "R", progress=0.42), LATER, POLICY)
    crumb = observed(step.parts[0], Seen("running", "R", progress=0.43), LATER, POLICY)
    assert [event.details for event in step.events] == [{"part": 0, "rows": 100, "rows_done": 42}]
    assert crumb.events == ()


def test_a_look_that_shows_nothing_new_leaves_no_trace_in_the_timeline() -> None:
    """The same word again is counted as a look and not told."""
    first = observed(sent(), Seen("running", "R"), LATER, POLICY)
    second = observed(first.parts[0], Seen("running", "R"), LATER + 10, POLICY)
    assert first.details is not None
    assert second.details is None
    assert second.parts[0].looks == 2
    assert second.parts[0].progressed_at == LATER


def test_a_job_that_is_not_shown_stays_paid_for() -> None:
    """A job missing from an answer keeps its part submitted, without a new charge, and is looked at again."""
    change = not_seen(sent(), LATER, POLICY)
    part = change.parts[0]
    assert (part.state, part.looks, part.credits_committed) == (PartState.SUBMITTED, 1, 100)
    assert (part.observed_at, change.ledger) == (None, {})


def test_a_job_never_shown_in_many_looks_is_missing_once() -> None:
    """After enough looks a job that was never shown is called missing: one entry, one reason, looks go on."""
    change = not_seen(sent(), LATER, POLICY)
    told = [change]
    for _ in range(MISSING_LOOKS_MAX + 3):
        change = not_seen(change.parts[0], LATER, POLICY)
        told.append(change)
    assert change.parts[0].reason == "missing_remote"
    assert sum(change.details is not None for change in told) == 1
    assert [c.reason for c in told].index("missing_remote") == MISSING_LOOKS_MAX - 1


def test_a_missing_job_that_was_found_by_its_time_is_a_persons_matter() -> None:
    """It will bring no values that tell whose it is: the attempt stays open, and the part asks for help."""
    part = sent(provisional=True, attempt=an_attempt(), credits_reserved=100)
    for _ in range(MISSING_LOOKS_MAX):
        part = not_seen(part, LATER, POLICY).parts[0]
    assert (part.state, part.remote_id) == (PartState.SUBMITTED, "77"), "it may not answer to its id yet"
    change = not_seen(part, LATER + ANSWERS_WITHIN_SECONDS, POLICY)
    part = change.parts[0]
    assert (part.state, part.reason, part.remote_id) == (PartState.QUARANTINED, "adoption_doubtful", None)
    assert part.attempt is not None
    assert [claim.remote_id for claim in change.disclaims] == ["77"]


def test_a_job_that_was_shown_before_is_not_called_missing() -> None:
    """A job that some look has shown may be hidden for a while: expired and slow are told apart by a person."""
    part = observed(sent(), Seen("running", "R"), LATER, POLICY).parts[0]
    for _ in range(MISSING_LOOKS_MAX + 3):
        part = not_seen(part, LATER, POLICY).parts[0]
    assert part.reason == ""


def unseen_for_long(**fields: Any) -> PartRecord:
    """A part that was looked at often, and whose job has not been shown for as long as anybody waits."""
    part = not_seen(sent(looks=MISSING_LOOKS_MAX, **fields), LATER + POLICY.missing_seconds, POLICY).parts[0]
    assert (part.state, part.reason, part.remote_id) == (PartState.QUARANTINED, MISSING_REASON, "77")
    return part


@pytest.mark.parametrize("observed_at", [None, LATER])
def test_a_job_that_is_not_shown_for_long_is_a_persons_matter(observed_at: float | None) -> None:
    """The part keeps its job and its charge; no place is kept, for nothing of it is open."""
    part = unseen_for_long(observed_at=observed_at)
    assert (part.credits_committed, part.lane, part.attempt) == (100, None, None)
    assert "24 h" in part.message
    again = part_again(part, LATER)
    assert again is not None
    assert again.parts[0].state is PartState.SUBMITTED


@pytest.mark.parametrize(("status", "state"), [("running", PartState.SUBMITTED), ("finished", PartState.FINISHED)])
def test_a_job_that_turns_up_after_all_goes_on(status: str, state: PartState) -> None:
    """The list shows it: nobody has to decide anything any more."""
    change = rode_along(unseen_for_long(), Seen(status), LATER + 2 * POLICY.missing_seconds, POLICY)
    assert change is not None
    part = change.parts[0]
    assert (part.state, part.reason, part.message) == (state, "", "")


@pytest.mark.parametrize("status", ["finished", "running", "queued", "aborted", "unknown"])
def test_a_job_that_is_done_again_goes_on(status: str) -> None:
    """A part that was stopped because its job was not done any more waits until it is, and for nothing less."""
    stopped = sent(state=PartState.QUARANTINED, lane=None, due_at=None, reason="status_regression")
    change = rode_along(stopped, Seen(status), LATER, POLICY)
    assert (None if change is None else change.parts[0].state) == (PartState.FINISHED if status == "finished" else None)


def test_a_job_that_reappears_is_missing_no_more() -> None:
    """Once shown, the part's reason is gone."""
    lost = sent(reason="missing_remote", message="The provider does not show this job.")
    assert observed(lost, Seen("running", "R"), LATER, POLICY).parts[0].reason == ""


def test_a_part_that_is_being_collected_is_not_looked_at() -> None:
    """A look at a part that has finished already is a defect, not a step back."""
    done = observed(sent(), Seen("finished"), LATER, POLICY).parts[0]
    with pytest.raises(IllegalMove):
        observed(done, Seen("running"), LATER, POLICY)
