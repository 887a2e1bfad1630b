"""What a sweep counts, and what it need not keep."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.builders.any_drift import JOBS, OCCASIONS, PARTS
from tests.builders.drift_cases import FOUND, NEAR, SWEPT, UNSEEN, an_occasion, of_part
from worker.core.drift.breaker import mass_disappearance
from worker.core.drift.classes import COUNTED_AT_ONCE, DriftClass
from worker.core.drift.counting import counted, undetected_seconds
from worker.core.drift.evaluate import evaluate, merge
from worker.core.drift.predicates import OF_PARTS, is_settled
from worker.core.drift.views import ListedJob, Occasion, PartCase, Snapshot, SweepWorth
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.records import PartRecord

EMPTY = Snapshot(an_occasion(), ())
UNPROVEN = SweepWorth(SWEPT, complete=True, proven=False, controls={"email": "1"})


def later(snapshot: Snapshot, seconds: float) -> Snapshot:
    """The same again in another sweep, so much later."""
    before = snapshot.occasion
    sweep = replace(before.sweep, began_at=before.sweep.began_at + seconds)
    occasion = replace(before, now=before.now + seconds, sweep=sweep)
    parts = tuple(replace(case, occasion=occasion) for case in snapshot.parts)
    return replace(snapshot, occasion=occasion, parts=parts)


@pytest.mark.parametrize("drift", DriftClass)
def test_a_finding_is_counted_when_it_is_believed_and_when_it_is_gone(drift: DriftClass) -> None:
    """Once each, however many sweeps show it; what its change counts is not counted again."""
    (snapshot, *_) = FOUND[drift]
    first = merge((), evaluate(snapshot))
    second = merge(first.kept, evaluate(later(snapshot, 60.0)))
    third = merge(second.kept, evaluate(later(snapshot, 120.0)))
    sums = [counted(merged, 0.0).get(("drift", str(drift)), 0) for merged in (first, second, third)]
    assert sum(sums) == (drift not in COUNTED_AT_ONCE)
    ended = replace(third, still=(), closed=third.still)
    finding = ended.closed[0]
    counters = counted(ended, finding.first_seen_at + 180.0)
    assert counters == {("drift_repaired", str(drift)): 1, ("drift_repair_seconds", str(drift)): 180}


@pytest.mark.parametrize(
    ("evidence", "seconds"),
    [({}, 30.0), ({"ended_seconds": 500.0}, 500.0), ({"begun_at": SWEPT - 90.0}, 130.0), ({"rows": 7_000}, 30.0)],
)
def test_how_long_something_was_so_is_told_by_its_evidence(evidence: dict[str, float], seconds: float) -> None:
    """By seconds, or by when it began; else it is the time since it was suspected."""
    (finding,) = evaluate(FOUND[DriftClass.STALE_LOCAL][0]).findings
    told = finding.model_copy(update={"evidence": evidence, "first_seen_at": SWEPT + 10.0})
    assert undetected_seconds(told, SWEPT + 40.0) == seconds


def test_times_that_lie_ahead_count_nothing() -> None:
    """A provider's clock may be ahead: no time is negative."""
    (finding,) = evaluate(FOUND[DriftClass.STALE_LOCAL][0]).findings
    told = finding.model_copy(update={"evidence": {"ended_seconds": -50.0}, "first_seen_at": SWEPT + 99.0})
    assert undetected_seconds(told, SWEPT) == 0.0


@given(PARTS, JOBS, OCCASIONS)
def test_nothing_is_found_of_a_part_that_is_settled(part: PartRecord, job: ListedJob, occasion: Occasion) -> None:
    """What a sweep does not keep would have been of no class, whatever its job shows."""
    whole = {"state": PartState.COLLECTED, "reason": "", "credits_reserved": 0, "remote_id": job.remote_id}
    for known in (part, part.model_copy(update=whole)):
        if is_settled(known, job):
            assert not [word for word, found in OF_PARTS.items() if found(PartCase(occasion, known, job=job))]


@pytest.mark.parametrize("drift", [drift for drift in DriftClass if drift in OF_PARTS])
def test_what_is_of_a_class_is_not_settled(drift: DriftClass) -> None:
    """Of none of the known cases anything would be left out."""
    cases = [case for snapshot in FOUND[drift] for case in snapshot.parts if not case.named]
    assert not [case for case in cases if case.job is not None and is_settled(case.part, case.job)]


def test_a_sweep_that_proves_no_absence_tells_of_none() -> None:
    """It neither finds that a job is missing nor that it is not; but so many that are not shown stop all repairs."""
    shown = evaluate(of_part(UNSEEN, occasion=an_occasion(sweep=UNPROVEN)))
    assert not shown.findings
    before = merge((), evaluate(of_part(UNSEEN))).kept
    assert [finding.drift for finding in merge(before, shown).suspected] == [DriftClass.MISSING_REMOTE]
    assert mass_disappearance(shown.snapshot.parts).missing == 1


def test_a_sweep_that_proves_no_absence_ends_other_findings() -> None:
    """That it saw as many jobs as there are is enough for what it would have shown."""
    before = merge((), evaluate(FOUND[DriftClass.STALE_LOCAL][0])).kept
    near = NEAR[DriftClass.STALE_LOCAL][0]
    again = evaluate(replace(near, occasion=an_occasion(sweep=UNPROVEN)))
    assert [finding.drift for finding in merge(before, again).closed] == [DriftClass.STALE_LOCAL]
