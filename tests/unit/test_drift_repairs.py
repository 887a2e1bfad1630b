"""What is done about drift: never anything that spends, nothing twice, little at a time, and nothing in doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.builders.any_drift import cases
from tests.builders.drift_cases import FOUND, NEAR, SWEPT, TOKEN, UNSEEN, an_occasion, done, ended, listed, stopped
from tests.builders.records import a_part, an_attempt
from worker.core.change import Entry
from worker.core.drift.classes import ACCOUNT_MISMATCH, DriftClass
from worker.core.drift.evaluate import evaluate, merge
from worker.core.drift.repairs import EXPIRED_TRIES_MIN, REPAIRS, REPAIRS_MAX, plan, repair
from worker.core.drift.rules import RULES
from worker.core.drift.views import PartCase, Snapshot
from worker.core.observe import not_seen
from worker.core.retry import part_again
from worker.core.states import PART_UNSPENT, PartState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.drift.findings import Finding
    from worker.core.records import PartRecord

C, P = DriftClass, PartState


def believed(snapshot: Snapshot) -> list[Finding]:
    """The findings of a snapshot, as after enough sweeps that all showed them."""
    times = max(rule.sightings for rule in RULES.values())
    return [finding.model_copy(update={"times": times}) for finding in evaluate(snapshot).findings]


def repaired(snapshot: Snapshot, drift: DriftClass) -> Change | None:
    """The repair of the one finding in a snapshot."""
    (finding,) = believed(snapshot)
    assert finding.drift == drift
    return repair(finding, snapshot.parts[0])


def with_part(case: PartCase, part: PartRecord) -> PartCase:
    """The same sight of a part whose record was written."""
    own = part.remote_id
    jobs = {job.remote_id: job for job in (*case.named, case.job) if job is not None}
    return replace(case, part=part.written(), job=jobs.pop(own or "", None), named=tuple(jobs.values()))


@given(cases())
def test_no_repair_spends(case: PartCase) -> None:
    """No repair takes a part to where it may be submitted, begins an attempt, or reserves credits for one."""
    for finding in believed(Snapshot(case.occasion, (case,))):
        change = repair(finding, case)
        if change is None:
            continue
        (after,) = change.parts
        assert after.state not in PART_UNSPENT
        # What searches for a job goes on with that, no sooner than before.
        searching = (after.state, after.due_at) == (case.part.state, case.part.due_at)
        assert after.state is not P.INTENT or searching
        assert (after.attempts, after.token, after.rows) == (case.part.attempts, case.part.token, case.part.rows)
        assert after.attempt in {None, case.part.attempt}
        assert after.credits_reserved <= case.part.credits_reserved
        # What is reserved is committed in the same write: it was charged already.
        assert change.ledger.get(Entry.RESERVED, 0) <= change.ledger.get(Entry.COMMITTED, 0)
        assert not change.uploads
        assert not change.guards
        assert change.budget is None


@given(cases())
def test_no_repair_is_made_twice(case: PartCase) -> None:
    """A repair that was written leaves nothing to do for the same finding, so that a repeated one changes nothing."""
    for finding in believed(Snapshot(case.occasion, (case,))):
        change = repair(finding, case)
        if change is not None:
            assert repair(finding, with_part(case, change.parts[0])) is None
            assert repair(finding, replace(case, part=change.parts[0].written())) is None


@given(cases())
def test_no_repair_touches_an_end(case: PartCase) -> None:
    """A part at its end stays there: only its ledger and its evidence are put right."""
    for finding in believed(Snapshot(case.occasion, (case,))):
        change = repair(finding, case)
        if change is not None and case.part.terminal:
            assert change.parts[0].state is case.part.state


@pytest.mark.parametrize(
    ("drift", "snapshot"), [(drift, snapshot) for drift, found in FOUND.items() for snapshot in found]
)
def test_what_is_only_suspected_is_left_alone(drift: DriftClass, snapshot: Snapshot) -> None:
    """A class that needs two sweeps is not repaired after the first one."""
    (finding,) = evaluate(snapshot).findings
    found = plan([finding], evaluate(snapshot))
    assert RULES[drift].sightings == 1 or found.repairs == ()


#: The decision and the state to which each repair leads.
MENDED = [
    (C.UNRESOLVED_ATTEMPT, 1, "adopt", P.SUBMITTED),
    (C.DUPLICATE_REMOTE, 0, "duplicate_remote", P.SUBMITTED),
    (C.DUPLICATE_REMOTE, 1, "duplicate_remote", P.COLLECTED),
    (C.IDENTITY_COLLISION, 0, "quarantine", P.QUARANTINED),
    (C.MISSING_REMOTE, 0, "quarantine", P.QUARANTINED),
    (C.STALE_LOCAL, 0, "finished", P.FINISHED),
    (C.STALE_LOCAL, 2, "look_again", P.SUBMITTED),
    (C.STALE_LOCAL, 3, "finished", P.FINISHED),
    (C.STATUS_REGRESSION, 0, "quarantine", P.QUARANTINED),
    (C.REMOTE_ABORTED, 0, "aborted", P.FAILED),
    (C.REMOTE_ABORTED, 2, "quarantine", P.QUARANTINED),
    (C.TERMINAL_DISAGREEMENT, 1, "charged_late", P.CANCELLED),
    (C.UNCOLLECTED_RESULT, 0, "retry", P.FINISHED),
    (C.RESULT_EXPIRED, 0, "quarantine", P.QUARANTINED),
    (C.RESERVATION_LEAK, 0, "release", P.COLLECTED),
]


@pytest.mark.parametrize(("drift", "index", "decision", "state"), MENDED)
def test_each_repair_is_a_decision_of_the_core(drift: DriftClass, index: int, decision: str, state: PartState) -> None:
    """What ends a finding has the name of the decision that would have been taken anyway, and a reason that fits."""
    change = repaired(FOUND[drift][index], drift)
    assert change is not None
    assert (change.decision, change.parts[0].state) == (decision, state)
    if decision == "quarantine" and not change.disclaims:
        assert (change.reason, change.parts[0].reason) == (drift, drift)


def test_every_repair_has_a_case() -> None:
    """No repair is without a case in which it is made."""
    assert {drift for drift, *_ in MENDED} == {drift for drift, mend in REPAIRS.items() if mend is not None}


@pytest.mark.parametrize("snapshot", [FOUND[C.UNRESOLVED_ATTEMPT][0], FOUND[C.UNRESOLVED_ATTEMPT][2]])
def test_an_attempt_without_a_job_is_left_to_its_search(snapshot: Snapshot) -> None:
    """That no job with its token is shown is nothing that a repair decides on."""
    assert repaired(snapshot, C.UNRESOLVED_ATTEMPT) is None


@pytest.mark.parametrize("drift", [drift for drift, mend in REPAIRS.items() if mend is not None])
def test_what_is_mended_meanwhile_is_left_alone(drift: DriftClass) -> None:
    """A finding is believed only as long as its predicate says so: between plan and repair much may have happened."""
    (finding,) = believed(FOUND[drift][0])
    assert all(repair(finding, case) is None for snapshot in NEAR[drift] for case in snapshot.parts)


def test_a_paid_end_is_charged_no_second_time_by_its_disagreement() -> None:
    """One more job of a part that was paid for is a duplicate, and is dealt with as that alone."""
    occasion = an_occasion()
    case = PartCase(occasion, ended(P.FAILED), named=(listed("78", "finished", token=TOKEN),))
    repairs = {finding.drift: repair(finding, case) for finding in believed(Snapshot(occasion, (case,)))}
    assert repairs.keys() == {C.DUPLICATE_REMOTE, C.TERMINAL_DISAGREEMENT}
    assert repairs[C.TERMINAL_DISAGREEMENT] is None


def test_several_jobs_too_many_are_wasted_in_one_write() -> None:
    """Each of them is evidence, its credits are wasted, and it is counted."""
    part = ended(P.COLLECTED)
    occasion = an_occasion()
    more = tuple(listed(remote_id, "finished", token=TOKEN) for remote_id in ("79", "101", "80"))
    change = repaired(Snapshot(occasion, (PartCase(occasion, part, named=more),)), C.DUPLICATE_REMOTE)
    assert change is not None
    assert change.ledger == {Entry.WASTED: 300}
    assert change.counters == {("drift", "duplicate_remote"): 3}
    assert [found.remote_id for found in change.parts[0].evidence] == ["77", "79", "80", "101"]


@pytest.mark.parametrize(("looks", "unseen_seconds"), [(10, 90_000.0), (9, 90_000.0), (10, 80_000.0)])
def test_a_missing_job_is_given_to_a_person_when_its_own_looks_would(looks: int, unseen_seconds: float) -> None:
    """Sweep and look ask for the same time unseen and for as many looks, and say the same to the person."""
    now = SWEPT + 10.0
    part = UNSEEN.model_copy(update={"looks": looks, "observed_at": now - unseen_seconds})
    occasion = an_occasion()
    by_sweep = repaired(Snapshot(occasion, (PartCase(occasion, part),)), C.MISSING_REMOTE)
    # A look counts itself.
    by_look = not_seen(part.model_copy(update={"looks": looks - 1}), now, occasion.policy)
    if by_look.decision == "quarantine":
        assert by_sweep is not None
        before, after = by_look.parts[0], by_sweep.parts[0]
        assert (before.reason, before.message) == (after.reason, after.message)
    else:
        assert by_sweep is None


@pytest.mark.parametrize("tries", range(EXPIRED_TRIES_MIN))
def test_a_result_past_its_time_is_downloaded_first(tries: int) -> None:
    """A provider may keep results for longer than it says, so that a person is asked only after failed downloads."""
    occasion = an_occasion(retention_seconds=86_400.0)
    snapshot = Snapshot(occasion, (PartCase(occasion, done(tries=tries)),))
    assert repaired(snapshot, C.RESULT_EXPIRED) is None


@pytest.mark.parametrize("drift", [C.IDENTITY_COLLISION, C.STATUS_REGRESSION, C.RESULT_EXPIRED, C.MISSING_REMOTE])
def test_a_person_can_let_a_stopped_part_go_on(drift: DriftClass) -> None:
    """What a repair has stopped goes on with its own job when a person retries it, and is never submitted anew."""
    again = part_again(stopped(drift), SWEPT)
    assert again is not None
    assert (again.parts[0].state, again.parts[0].remote_id) == (P.SUBMITTED, "77")


def many_missing(missing: int, shown: int) -> Snapshot:
    """A sweep that did not show some live jobs, and others yes."""
    occasion = an_occasion()
    parts = [UNSEEN.model_copy(update={"index": index, "remote_id": str(index)}) for index in range(missing + shown)]
    lost, rest = parts[:missing], parts[missing:]
    seen = tuple(PartCase(occasion, part, listed(part.remote_id or "")) for part in rest)
    return Snapshot(occasion, (*(PartCase(occasion, part) for part in lost), *seen))


@pytest.mark.parametrize(
    ("missing", "shown", "outcome"),
    [(3, 0, ACCOUNT_MISMATCH), (2, 0, ""), (3, 11, ACCOUNT_MISMATCH), (3, 12, ""), (50, 100, ACCOUNT_MISMATCH)],
)
def test_when_many_jobs_are_missing_at_once_nothing_is_repaired(missing: int, shown: int, outcome: str) -> None:
    """A list that leaves out a good part of all live jobs is not believed; a few missing ones are."""
    snapshot = many_missing(missing, shown)
    found = plan(believed(snapshot), evaluate(snapshot))
    assert found.outcome == outcome
    assert len(found.repairs) == (0 if outcome else missing)


def test_a_list_that_is_not_believed_proves_and_ends_nothing() -> None:
    """A sweep that leaves out too much makes no job missing, and closes no finding about the list."""
    orphan = merge([], evaluate(FOUND[C.ORPHAN_REMOTE][0])).kept
    merged = merge(orphan, evaluate(many_missing(9, 0)))
    assert [finding.drift for finding in merged.kept] == [C.ORPHAN_REMOTE]
    assert merged.closed == ()


def test_an_incomplete_sweep_trips_no_breaker() -> None:
    """What was not read is not missing."""
    occasion = an_occasion(sweep=replace(an_occasion().sweep, complete=False))
    snapshot = many_missing(9, 0)
    unread = Snapshot(occasion, tuple(replace(case, occasion=occasion) for case in snapshot.parts))
    assert evaluate(unread).breaker == (9, 0, 0)


def test_what_a_person_was_asked_about_before_trips_no_breaker() -> None:
    """Jobs that are missing for long, and that nobody decides about, do not keep all others from being repaired."""
    occasion = an_occasion()
    parts = [stopped(C.MISSING_REMOTE, index=index) for index in range(9)]
    breaker = evaluate(Snapshot(occasion, tuple(PartCase(occasion, part) for part in parts))).breaker
    assert (breaker.tripped, breaker.unseen) == (False, 9)


def test_results_past_their_time_trip_no_breaker() -> None:
    """A provider that has deleted what it keeps no longer leaves it out of its list: that is no mismatch."""
    occasion = an_occasion(retention_seconds=86_400.0)
    snapshot = Snapshot(occasion, tuple(PartCase(occasion, done(index=index)) for index in range(9)))
    assert evaluate(snapshot).breaker == (9, 0, 0)


def test_a_sweep_makes_so_many_repairs_and_the_worst_first() -> None:
    """More than the budget waits for the next sweep, and what pages somebody goes before what does not."""
    occasion = an_occasion()
    leaks = [PartCase(occasion, ended(P.FAILED, index=index, credits_reserved=1)) for index in range(REPAIRS_MAX + 5)]
    double = PartCase(occasion, ended(P.COLLECTED, index=999), named=(listed("78", token=TOKEN),))
    snapshot = Snapshot(occasion, (*leaks, double))
    found = plan(believed(snapshot), evaluate(snapshot))
    assert (len(found.repairs), found.left) == (REPAIRS_MAX, 6)
    assert found.repairs[0].finding.drift == C.DUPLICATE_REMOTE


def test_one_record_is_changed_once() -> None:
    """Two repairs of one part would be of the same version, so that the second one waits."""
    occasion = an_occasion()
    case = PartCase(
        occasion, ended(P.COLLECTED, credits_reserved=100), job=listed(status="finished"), named=(listed("78"),)
    )
    snapshot = Snapshot(occasion, (case,))
    found = plan(believed(snapshot), evaluate(snapshot))
    assert ([each.finding.drift for each in found.repairs], found.left) == ([C.DUPLICATE_REMOTE], 1)


def test_findings_without_a_part_are_told_only() -> None:
    """What concerns no record of a part is planned by nobody here, and no harm is done."""
    snapshot = FOUND[C.ORPHAN_REMOTE][0]
    merged = merge([], evaluate(snapshot))
    assert plan(merged.open, evaluate(snapshot)).repairs == ()


def test_a_part_that_is_unsent_takes_a_job_that_carries_its_token() -> None:
    """An attempt in quarantine whose job turns up is resolved by it: it is paid once, and looked at."""
    occasion = an_occasion()
    part = a_part(state=P.QUARANTINED, attempt=an_attempt(), reason="absent", credits_reserved=100)
    jobs = (listed("90", token=TOKEN), listed("9", token=TOKEN))
    change = repaired(Snapshot(occasion, (PartCase(occasion, part, named=jobs),)), C.UNRESOLVED_ATTEMPT)
    assert change is not None
    assert (change.parts[0].remote_id, change.ledger) == ("9", {Entry.COMMITTED: 100})
