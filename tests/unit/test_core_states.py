"""The states as a whole: nothing waits where nobody looks, nothing leads out of an end, all mean the same words."""

from __future__ import annotations

from producers import contract
from worker.core.states import (
    PART_LANES,
    PART_MOVES,
    PART_TERMINAL,
    UPLOAD_LANES,
    UPLOAD_MOVES,
    UPLOAD_TERMINAL,
    Lane,
    PartState,
    UploadState,
)


def test_applications_and_workers_mean_the_same_upload_states() -> None:
    """The public contract names exactly the states that uploads have, and the same ends."""
    assert {str(state) for state in contract.UploadState} == {str(state) for state in UploadState}
    assert {str(state) for state in contract.TERMINAL_STATES} == {str(state) for state in UPLOAD_TERMINAL}


def test_every_state_that_is_not_an_end_is_looked_at_by_a_lane_or_a_person() -> None:
    """Only ends have no lane, and quarantine, which waits for evidence or a person."""
    assert {state for state in UploadState if state not in UPLOAD_LANES} == UPLOAD_TERMINAL
    assert {state for state in PartState if state not in PART_LANES} == PART_TERMINAL | {PartState.QUARANTINED}


def test_nothing_leads_out_of_an_end() -> None:
    """An end is final, and every other state has a way on."""
    assert {state for state, moves in UPLOAD_MOVES.items() if not moves} == UPLOAD_TERMINAL
    assert {state for state, moves in PART_MOVES.items() if not moves} == PART_TERMINAL
    assert set(UPLOAD_MOVES) == set(UploadState)
    assert set(PART_MOVES) == set(PartState)


def test_every_end_can_be_reached_from_the_beginning() -> None:
    """No state is there for nothing."""
    for moves, first in ((UPLOAD_MOVES, UploadState.ACCEPTED), (PART_MOVES, PartState.PENDING)):
        reached: set[str] = {first}
        frontier: set[str] = {first}
        while frontier:
            frontier = {str(after) for before in frontier for after in moves[before]} - reached  # type: ignore[index]  # one of two tables
            reached |= frontier
        assert reached == {str(state) for state in moves}


def test_work_items_wait_in_every_lane_but_the_walks() -> None:
    """Walks over the remote lists have no items: each period asks anew."""
    assert {*UPLOAD_LANES.values(), *PART_LANES.values()} == set(Lane) - {Lane.RECONCILE}
