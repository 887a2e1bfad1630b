"""What a look means for a part that was not due, and what decides when it is due next."""

from __future__ import annotations

import pytest

from tests.builders.core_records import POLICY, finished, sent
from tests.builders.records import NOW
from worker.core.observe import Seen, Terms, not_seen, observed, rode_along
from worker.core.schedule import Expected
from worker.core.states import PartState

LATER = NOW + 1_000
#: Seconds that a part of that age waits of which nothing else is known.
WAIT_SECONDS = 100.0


@pytest.mark.parametrize(("status", "state"), [("finished", PartState.FINISHED), ("aborted", PartState.FAILED)])
def test_the_end_of_a_job_is_taken_whenever_it_is_seen(status: str, state: PartState) -> None:
    """A part moves although its look was far off."""
    change = rode_along(sent(due_at=LATER + 95), Seen(status), LATER, POLICY)
    assert change is not None
    assert change.parts[0].state is state


@pytest.mark.parametrize(
    ("due_in_seconds", "written"), [(-10, True), (1, True), (50, True), (51, False), (100, False), (149, False)]
)
def test_a_look_that_saves_another_one_is_written(due_in_seconds: float, *, written: bool) -> None:
    """Where nothing is new, the next look is put off only if it would have come in the first half of the new wait."""
    change = rode_along(sent(due_at=LATER + due_in_seconds), Seen("running"), LATER, POLICY)
    assert (change is not None) is written
    if change is not None:
        assert change.parts[0].due_at == LATER + WAIT_SECONDS


def test_a_part_whose_looks_are_shared_from_now_on_comes_earlier() -> None:
    """Where a look has become cheap, the part does not wait for the one that was planned when it was dear."""
    change = rode_along(sent(due_at=LATER + 95), Seen("running"), LATER, POLICY, Terms(price=1 / 50))
    assert change is not None
    assert change.parts[0].due_at == LATER + POLICY.floor_seconds


def test_progress_that_applications_are_told_of_is_written() -> None:
    """What is new is kept and told, although the next look stays where it is."""
    part = sent(due_at=LATER + 900, progress=0.1)
    change = rode_along(part, Seen("running", progress=0.5), LATER, POLICY)
    assert change is not None
    assert [event.name for event in change.events] == ["progress"]


def test_a_part_that_waits_for_no_look_is_left_alone() -> None:
    """A part whose job is known to be done is not moved by what a page shows."""
    assert rode_along(finished(), Seen("running"), LATER, POLICY) is None


def test_looks_of_one_turn_are_due_together() -> None:
    """The wait counts from the turn's beginning, so that the next looks fall together whatever each call took."""
    terms = Terms(price=1 / 50, counted_from=LATER - 2)
    for change in (observed(sent(), Seen("running"), LATER, POLICY, terms), not_seen(sent(), LATER, POLICY, terms)):
        assert change.parts[0].due_at == LATER - 2 + POLICY.floor_seconds


def test_what_similar_jobs_took_is_waited_for() -> None:
    """A job of which similar ones ended later is looked at again when the first of them had."""
    terms = Terms(expected=Expected(1_500, 1_700, 1_900, 2_000, 20))
    change = observed(sent(), Seen("running"), LATER, POLICY, terms)
    assert change.parts[0].due_at == NOW + 1_500
