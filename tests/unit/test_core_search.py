"""Search before spend: adopted, waited for, proven absent, or a person's; one table of walks and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import attempted
from tests.builders.records import NOW, a_part
from worker.core import part as parts
from worker.core.change import Entry
from worker.core.search import (
    Grounds,
    SearchRules,
    Unproven,
    Walked,
    disown,
    judge,
    look_again,
    settled,
    unresolved,
)
from worker.core.states import Lane, PartState
from worker.core.values import Absence

if TYPE_CHECKING:
    from worker.core.records import PartRecord

RULES = SearchRules(
    settle_seconds=600.0,
    settle_unnamed_seconds=1800.0,
    clock_skew_seconds=300.0,
    search_seconds_max=21_600.0,
    floor_seconds=5.0,
)
NAMED = Grounds(named=True, ask=False, alive=False)
UNNAMED = Grounds(named=False, ask=False, alive=False)


def lost(**fields: object) -> PartRecord:
    """A part whose attempt, made at `NOW`, was never answered."""
    part = unresolved(attempted(), NOW, "outcome_unknown", "No answer.", look_at=NOW + 5.0).parts[0].written()
    return part.model_copy(update=fields)


def settled_at(part: PartRecord, *, named: bool = True) -> float:
    """From when on walks count against the part's attempt."""
    assert part.attempt is not None
    return settled(part.attempt, RULES, named=named)


def walked(
    part: PartRecord,
    began_at: float,
    *jobs: Unproven,
    complete: bool = True,
    control: str | None = "4000",
    shows_names: bool = True,
) -> Walked:
    """A walk that showed `jobs` which nobody claims, and a job of ours of the part's kind, by its name."""
    controls = {} if control is None else {part.kind: control}
    return Walked(began_at, complete, 7, controls, controls if shows_names else {}, jobs)


def job(part: PartRecord, remote_id: str = "5001", **fields: object) -> Unproven:
    """A job without owner, accepted just after the attempt began."""
    known: dict[str, object] = {"kind": part.kind, "rows": part.rows, "started_at": NOW + 1.0, "taken_by": None}
    return Unproven(remote_id, **(known | fields))  # type: ignore[arg-type]  # the fields' types are the tests' care


def twice_absent(part: PartRecord, grounds: Grounds = NAMED, **how: object) -> PartRecord:
    """The part after two walks that should have shown its job."""
    began_at = settled_at(part, named=grounds.named)
    for _ in range(2):
        change = judge(part, walked(part, began_at, **how), RULES, grounds, began_at + 2.0)  # type: ignore[arg-type]
        part, began_at = change.parts[0].written(), began_at + 60.0
    return part


def test_an_unknown_outcome_keeps_the_attempt_and_the_credits_and_is_looked_at_again() -> None:
    """The part stays where nothing can be submitted for it, due in the lane of the search."""
    part = lost()
    assert (part.state, part.lane, part.due_at) == (PartState.INTENT, Lane.SUBMIT, NOW + 5.0)
    assert part.attempt is not None
    assert (part.credits_reserved, part.reason, part.lease) == (part.rows, "outcome_unknown", None)


def test_an_id_that_an_unclear_answer_named_is_kept() -> None:
    """It is evidence and no more: the answer did not say that the job is the part's."""
    change = unresolved(attempted(), NOW, "outcome_unknown", "Odd.", look_at=NOW, remote_id="9")
    assert [(known.remote_id, known.how) for known in change.parts[0].evidence] == [("9", "unclear_answer")]


@pytest.mark.parametrize("named", [True, False])
def test_nothing_is_concluded_before_the_job_must_have_appeared(named: bool) -> None:
    """A walk that began a moment too early proves nothing, however complete."""
    part = lost()
    early = settled_at(part, named=named) - 0.1
    change = judge(part, walked(part, early), RULES, NAMED if named else UNNAMED, early + 1.0)
    assert (change.decision, change.parts[0].absences) == ("search_again", ())


def test_walks_are_the_rarer_the_longer_they_last_and_one_falls_on_the_end_of_the_settle_time() -> None:
    """From the floor up, bounded, and never past the moment from which a walk counts."""
    part, now, waits = lost(), NOW, []
    while now < settled_at(part):
        part = look_again(part, now, RULES, named=True).parts[0]
        assert part.due_at is not None
        waits.append(part.due_at - now)
        now = part.due_at
    assert waits[0] == RULES.floor_seconds
    assert len(waits) < 20
    assert now == settled_at(part)


@pytest.mark.parametrize("grounds", [NAMED, UNNAMED])
def test_two_complete_walks_with_a_control_prove_that_there_is_no_job(grounds: Grounds) -> None:
    """The attempt is closed, its credits are released, and the part may be submitted again."""
    part = twice_absent(lost(), grounds)
    assert (part.state, part.attempt, part.attempts) == (PartState.PENDING, None, 1)
    assert (part.credits_reserved, part.absences, part.searches) == (0, (), 0)


def test_one_walk_is_not_enough_and_the_next_comes_soon() -> None:
    """The first is noted with what it showed; the second follows after a part of the settle time."""
    part = lost()
    began_at = settled_at(part)
    change = judge(part, walked(part, began_at), RULES, NAMED, began_at + 2.0)
    noted = change.parts[0]
    assert change.decision == "not_in_list"
    assert noted.absences == (Absence(began_at=began_at, jobs=7, control="4000"),)
    assert noted.due_at == began_at + 2.0 + 60.0


def test_two_walks_at_the_same_moment_count_once() -> None:
    """Two workers that walk side by side see the same list: that is one look at it."""
    part = lost()
    began_at = settled_at(part)
    once = judge(part, walked(part, began_at), RULES, NAMED, began_at + 2.0).parts[0].written()
    change = judge(once, walked(once, began_at + 1.0), RULES, NAMED, began_at + 3.0)
    assert (change.decision, len(change.parts[0].absences)) == ("search_again", 1)


def test_an_incomplete_walk_proves_nothing() -> None:
    """Pages that were not read, or that shifted, may have held the job."""
    part = lost()
    later = settled_at(part) + 100.0
    change = judge(part, walked(part, later, complete=False), RULES, NAMED, later + 1.0)
    assert (change.decision, change.parts[0].absences) == ("search_again", ())


def test_a_list_that_shows_no_job_of_ours_proves_nothing_and_a_person_is_asked() -> None:
    """It may be another account's list, or one of other kinds."""
    part = twice_absent(lost(), control=None)
    assert (part.state, part.reason) == (PartState.QUARANTINED, "no_control")
    assert part.attempt is not None
    assert part.credits_reserved == part.rows


def test_a_control_of_another_kind_is_none() -> None:
    """A list that was filtered by type shows jobs of that type only."""
    part = lost()
    began_at = settled_at(part)
    other = Walked(began_at, True, 7, {"proxy": "4000"}, {"proxy": "4000"}, ())
    change = judge(part, other, RULES, NAMED, began_at + 1.0)
    assert change.parts[0].absences[0].control == ""


def test_a_list_that_shows_our_jobs_without_their_names_proves_nothing_where_names_are_looked_for() -> None:
    """The part's own job may be among the nameless; where jobs are told by their time it is as good as any."""
    nameless = twice_absent(lost(), shows_names=False)
    assert (nameless.state, nameless.reason) == (PartState.QUARANTINED, "no_control")
    assert nameless.attempt is not None
    assert "by the name it was given" in nameless.message
    assert twice_absent(lost(), UNNAMED, shows_names=False).state is PartState.PENDING


def test_an_account_may_ask_before_anything_is_submitted_again() -> None:
    """Absence is proven all the same, and the word is a person's."""
    part = twice_absent(lost(), Grounds(named=True, ask=True, alive=False))
    assert (part.state, part.reason) == (PartState.QUARANTINED, "absent")


def test_an_attempt_whose_process_lives_is_never_proven_absent() -> None:
    """A process that is only frozen may send at any time; in the end a person is told to stop it."""
    part, alive = lost(), Grounds(named=True, ask=False, alive=True)
    later = settled_at(part) + 100.0
    assert judge(part, walked(part, later), RULES, alive, later).decision == "search_again"
    too_late = settled_at(part) + RULES.search_seconds_max + 1.0
    stopped = judge(part, walked(part, too_late), RULES, alive, too_late).parts[0]
    assert (stopped.state, stopped.reason) == (PartState.QUARANTINED, "search_inconclusive")


def test_a_list_that_can_never_be_read_whole_becomes_a_persons_matter() -> None:
    """The search ends after a bounded time, with the attempt still open."""
    part = lost()
    too_late = settled_at(part) + RULES.search_seconds_max + 1.0
    change = judge(part, walked(part, too_late, complete=False), RULES, NAMED, too_late)
    assert (change.parts[0].state, change.reason) == (PartState.QUARANTINED, "search_inconclusive")


def test_without_names_a_job_of_that_time_is_adopted_until_its_values_are_known() -> None:
    """It is claimed and polled; its credits stay reserved and its attempt open."""
    part = lost()
    change = judge(part, walked(part, NOW + 20.0, job(part)), RULES, UNNAMED, NOW + 21.0)
    taken = change.parts[0]
    assert (taken.state, taken.remote_id, taken.provisional) == (PartState.SUBMITTED, "5001", True)
    assert [claim.remote_id for claim in change.claims] == ["5001"]
    assert taken.attempt is not None
    assert (taken.credits_reserved, taken.credits_committed, dict(change.ledger)) == (part.rows, 0, {})


def test_a_count_ranks_and_an_id_that_an_answer_named_ranks_higher() -> None:
    """Providers drop and merge rows, so that a job with another count is only less likely."""
    part = lost()
    other, equal = job(part, "5001", rows=part.rows + 1), job(part, "5002", started_at=NOW + 100.0)
    change = judge(part, walked(part, NOW + 20.0, other, equal), RULES, UNNAMED, NOW + 21.0)
    assert change.parts[0].remote_id == "5002"
    hinted = unresolved(attempted(), NOW, "outcome_unknown", "Odd.", look_at=NOW, remote_id="5001").parts[0].written()
    change = judge(hinted, walked(hinted, NOW + 20.0, other, equal), RULES, UNNAMED, NOW + 21.0)
    assert change.parts[0].remote_id == "5001"


@pytest.mark.parametrize(
    "fields",
    [
        {"started_at": NOW - 301.0},
        {"started_at": NOW + 100_000.0},
        {"kind": "another"},
        {"remote_id": "13"},
    ],
)
def test_jobs_of_another_time_or_kind_and_those_tried_before_are_strangers(fields: dict[str, object]) -> None:
    """They neither resolve the attempt nor stand in the way of the next."""
    part = lost(excluded=("13",))
    began_at = settled_at(part, named=False)
    change = judge(part, walked(part, began_at, job(part, **fields)), RULES, UNNAMED, began_at + 1.0)  # type: ignore[arg-type]
    assert change.decision == "not_in_list"


def test_a_job_that_another_part_only_seems_to_have_stands_in_the_way() -> None:
    """It may turn out to be this part's: nothing is concluded until that is known."""
    part = lost()
    began_at = settled_at(part, named=False)
    taken = job(part, taken_by="other/0")
    change = judge(part, walked(part, began_at, taken), RULES, UNNAMED, began_at + 1.0)
    assert (change.decision, change.parts[0].absences) == ("search_again", ())
    too_late = began_at + RULES.search_seconds_max + 1.0
    stopped = judge(part, walked(part, too_late - 1.0, taken), RULES, UNNAMED, too_late)
    assert (stopped.decision, stopped.reason) == ("quarantine", "unclaimed_jobs")


@pytest.mark.parametrize(("watermark", "decision"), [(5000, "adopt_by_time"), (5001, "quarantine"), (0, "quarantine")])
def test_jobs_without_name_and_time_are_adopted_only_above_the_watermark(watermark: int, decision: str) -> None:
    """Below it, or without one, any of them may be the part's and none can be told from it: a person's matter."""
    part = lost(watermark=watermark)
    began_at = settled_at(part, named=False)
    unknown = job(part, started_at=None, rows=None)
    assert judge(part, walked(part, began_at, unknown), RULES, UNNAMED, began_at + 1.0).decision == decision


def test_with_names_a_job_without_our_token_is_none_of_ours() -> None:
    """It is never adopted and never in the way."""
    part = lost()
    began_at = settled_at(part)
    change = judge(part, walked(part, began_at, job(part)), RULES, NAMED, began_at + 1.0)
    assert change.decision == "not_in_list"


def provisional(**fields: object) -> PartRecord:
    """A part that has a job by its time alone, whose result can be fetched."""
    part = lost()
    taken = judge(part, walked(part, NOW + 20.0, job(part)), RULES, UNNAMED, NOW + 21.0).parts[0].written()
    seen = {"finished_at": NOW + 30.0, "remote_finished_at": NOW + 30.0, "observed_at": NOW + 30.0, "looks": 2}
    return taken.moved(PartState.FINISHED, NOW + 30.0).model_copy(update=seen | fields)


def test_values_that_are_others_undo_the_adoption() -> None:
    """The claim is given up, the id is excluded, and the attempt is open as before."""
    change = disown(provisional(), NOW + 40.0, shared=0.01)
    part = change.parts[0]
    assert (part.state, part.remote_id, part.excluded) == (PartState.INTENT, None, ("5001",))
    assert [claim.remote_id for claim in change.disclaims] == ["5001"]
    assert part.attempt is not None
    assert (part.provisional, part.credits_reserved) == (False, part.rows)
    assert (part.finished_at, part.remote_finished_at, part.observed_at, part.looks) == (None, None, None, 0)


@pytest.mark.parametrize("shared", [0.5, 0.99, None])
def test_values_that_are_nearly_the_parts_own_are_a_persons_matter(shared: float | None) -> None:
    """Its own list with rows dropped looks like another list with many of the same: neither is decided here."""
    change = disown(provisional(), NOW + 40.0, shared=shared)
    part = change.parts[0]
    assert (part.state, part.reason, part.excluded) == (PartState.QUARANTINED, "adoption_doubtful", ())
    assert [claim.remote_id for claim in change.disclaims] == ["5001"]


def test_equal_values_commit_the_credits_once() -> None:
    """What was reserved for the attempt is committed when its result is safe, and never before."""
    change = parts.collected(
        provisional(), NOW, rows_returned=100, verdicts_object="v", verdicts_digest="d", same_values=True
    )
    part = change.parts[0]
    assert dict(change.ledger) == {Entry.COMMITTED: part.rows}
    assert (part.provisional, part.attempt) == (False, None)
    assert (part.credits_reserved, part.credits_committed) == (0, part.rows)


def test_an_id_that_is_certain_takes_the_place_of_one_found_by_time() -> None:
    """A late answer names the true job: the other is given up, and the credits are committed."""
    change = parts.learn(provisional(), "6000", "late_answer", NOW + 50.0, look_at=NOW + 50.0)
    assert change is not None
    part = change.parts[0]
    assert (part.state, part.remote_id, part.provisional) == (PartState.SUBMITTED, "6000", False)
    assert [claim.remote_id for claim in change.disclaims] == ["5001"]
    assert dict(change.ledger) == {Entry.COMMITTED: part.rows}


def test_a_job_that_turns_up_before_the_next_attempt_saves_it() -> None:
    """A part that was cleared to be submitted again takes the late job instead of paying for another."""
    change = parts.learn(twice_absent(lost()), "6000", "list", NOW + 50.0, look_at=NOW + 50.0)
    assert change is not None
    assert (change.decision, change.parts[0].state) == ("adopt", PartState.SUBMITTED)


def test_a_part_whose_attempts_are_forgotten_takes_the_job_that_carries_its_token() -> None:
    """An emptied store knows of no attempt: the job that the token names is the part's, and not a second one."""
    change = parts.learn(a_part(), "6000", "list", NOW, look_at=NOW)
    assert change is not None
    assert (change.decision, change.parts[0].state, change.parts[0].remote_id) == ("adopt", PartState.SUBMITTED, "6000")
    assert dict(change.ledger) == {Entry.RESERVED: a_part().rows, Entry.COMMITTED: a_part().rows}


def test_the_time_to_settle_begins_anew_when_a_frozen_process_has_ended() -> None:
    """What it sent at its very end may still appear: walks from before that do not count."""
    part = lost()
    began_at = settled_at(part)
    once = judge(part, walked(part, began_at), RULES, NAMED, began_at + 2.0).parts[0].written()
    alive = Grounds(named=True, ask=False, alive=True)
    later = began_at + 100.0
    held = judge(once, walked(once, later), RULES, alive, later).parts[0]
    assert (held.absences, settled_at(held)) == ((), later + RULES.settle_seconds)
