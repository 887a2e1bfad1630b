"""What a walk over the remote list means for the parts whose jobs it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import POLICY, attempted, finished, in_quarantine, sent
from tests.builders.records import NOW, a_part
from worker.core.change import Entry
from worker.core.observe import Seen
from worker.core.states import PART_TERMINAL, PartState
from worker.core.sweep import Sweep, seen_in_list

if TYPE_CHECKING:
    from worker.core.records import PartRecord

LATER = NOW + 100


@pytest.mark.parametrize(("status", "state"), [("finished", PartState.FINISHED), ("aborted", PartState.FAILED)])
def test_the_end_of_a_job_that_the_list_shows_is_taken_at_once(status: str, state: PartState) -> None:
    """A submitted part whose job has ended moves without waiting for its next look."""
    change = seen_in_list(sent(), "77", Seen(status), LATER, POLICY)
    assert change is not None
    assert change.parts[0].state is state


@pytest.mark.parametrize("status", ["queued", "running", "unknown"])
def test_a_job_under_way_counts_as_looked_at(status: str) -> None:
    """A part whose look was about to come, or is overdue, is looked at again as long after the walk as it was to be."""
    part = sent(observed_at=LATER - 60, due_at=LATER + 1)
    change = seen_in_list(part, "77", Seen(status), LATER, POLICY)
    assert change is not None
    after = change.parts[0]
    assert (after.state, after.looks, after.observed_at) == (PartState.SUBMITTED, part.looks + 1, LATER)
    assert after.due_at == LATER + POLICY.epsilon * 100


def test_a_walk_puts_no_look_off_beyond_its_interval() -> None:
    """A part that is looked at often, because its looks are shared, is looked at as often after a walk."""
    part = sent(observed_at=LATER - 4, due_at=LATER + 1)
    change = seen_in_list(part, "77", Seen("running"), LATER, POLICY)
    assert change is not None
    assert change.parts[0].due_at == LATER + POLICY.floor_seconds


def test_a_walk_that_shows_nothing_new_and_saves_no_look_writes_nothing() -> None:
    """A part that was looked at just now is left as it is."""
    assert seen_in_list(sent(observed_at=LATER - 1, due_at=LATER + 9), "77", Seen("running"), LATER, POLICY) is None


@pytest.mark.parametrize("state", [PartState.FINISHED, PartState.QUARANTINED, *PART_TERMINAL])
def test_a_part_that_needs_no_look_is_left_alone(state: PartState) -> None:
    """A part whose job is known to be done, or that is at its end, is not moved by the list."""
    part = a_part(state=state, remote_id="77", evidence=finished().evidence)
    assert seen_in_list(part, "77", Seen("finished"), LATER, POLICY) is None


@pytest.mark.parametrize("part", [attempted(), in_quarantine()], ids=["intent", "quarantined"])
def test_a_job_with_the_token_of_an_open_attempt_resolves_it(part: PartRecord) -> None:
    """The job is adopted with one charge and is looked at now, and nothing is sent."""
    change = seen_in_list(part, "91", Seen("finished"), LATER, POLICY)
    assert change is not None
    adopted = change.parts[0]
    assert (change.decision, adopted.state, adopted.remote_id) == ("adopt", PartState.SUBMITTED, "91")
    assert (change.ledger, adopted.due_at) == ({Entry.COMMITTED: 100}, LATER)


def test_a_second_job_of_a_part_is_evidence_and_not_adopted() -> None:
    """Another job with the part's token is kept as a wasted charge; the first one stays."""
    change = seen_in_list(sent(), "78", Seen("finished"), LATER, POLICY)
    assert change is not None
    assert (change.decision, change.parts[0].remote_id) == ("duplicate_remote", "77")
    again = seen_in_list(change.parts[0], "78", Seen("finished"), LATER, POLICY)
    assert again is None


def test_a_walk_counts_jobs_by_status() -> None:
    """The tally names each status with how many jobs have it."""
    sweep = Sweep(began_at=NOW)
    for status in ("finished", "running", "finished"):
        sweep.count(status)
    assert (sweep.jobs, sweep.complete) == ({"finished": 2, "running": 1}, False)
