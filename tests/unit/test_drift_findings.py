"""Findings from sweep to sweep: suspected, believed, still there, gone, and what a sweep cannot tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.builders.drift_cases import FOUND, SWEPT, UNSEEN, an_occasion, listed, of_jobs, of_money, of_object, of_part
from tests.builders.records import a_part
from worker.core.drift import evaluate as evaluating
from worker.core.drift.classes import DriftClass, Handling, Severity
from worker.core.drift.evaluate import Merged, evaluate, merge
from worker.core.drift.findings import Finding
from worker.core.drift.rules import RULES
from worker.core.drift.views import Occasion, PartCase, Snapshot, SweepWorth
from worker.core.errors import LaterSchema
from worker.core.schema import SCHEMA_VERSION

C = DriftClass
PERIOD_SECONDS = 900.0
LOST = FOUND[C.MISSING_REMOTE][0]
BACK = of_part(UNSEEN, job=listed(progress=0.6))


def later(snapshot: Snapshot, sweeps: int, *, complete: bool = True) -> Snapshot:
    """The same sight, some sweeps later."""
    before = snapshot.occasion
    began_at = before.sweep.began_at + sweeps * PERIOD_SECONDS
    sweep = SweepWorth(began_at, complete=complete, controls=before.sweep.controls)
    occasion: Occasion = replace(before, now=began_at + 10.0, sweep=sweep)
    parts = tuple(replace(case, occasion=occasion) for case in snapshot.parts)
    return replace(snapshot, occasion=occasion, parts=parts)


def after(*snapshots: Snapshot) -> Merged:
    """What is left of sweeps that followed each other."""
    merged = merge([], evaluate(snapshots[0]))
    for snapshot in snapshots[1:]:
        merged = merge(merged.kept, evaluate(snapshot))
    return merged


def counts(merged: Merged) -> tuple[int, int, int, int, int]:
    """Suspected, opened, still, closed and withdrawn findings."""
    found = (merged.suspected, merged.opened, merged.still, merged.closed, merged.withdrawn)
    suspected, opened, still, closed, withdrawn = map(len, found)
    return suspected, opened, still, closed, withdrawn


def test_a_missing_job_is_believed_after_two_sweeps() -> None:
    """The first sweep raises a suspicion, the second opens the finding, which is as old as the suspicion."""
    assert counts(after(LOST)) == (1, 0, 0, 0, 0)
    merged = after(LOST, later(LOST, 1))
    assert counts(merged) == (0, 1, 0, 0, 0)
    (finding,) = merged.open
    assert (finding.first_seen_at, finding.last_seen_at, finding.times) == (SWEPT + 10, SWEPT + PERIOD_SECONDS + 10, 2)
    assert counts(after(LOST, later(LOST, 1), later(LOST, 2))) == (0, 0, 1, 0, 0)


def test_what_one_sweep_proves_is_open_at_once() -> None:
    """A positive finding needs no second sweep."""
    assert counts(after(of_jobs(listed(token="bv-abcdefghijklmnop")))) == (0, 1, 0, 0, 0)


def test_the_same_sweep_counts_once() -> None:
    """Evaluating again what was evaluated makes no second proof of it."""
    assert counts(after(LOST, LOST, LOST)) == (1, 0, 0, 0, 0)


def test_a_sweep_between_that_could_not_tell_counts_neither_way() -> None:
    """Two sweeps in a row are two of those that could have shown the job."""
    assert counts(after(LOST, later(LOST, 1, complete=False))) == (1, 0, 0, 0, 0)
    assert counts(after(LOST, later(LOST, 1, complete=False), later(LOST, 2))) == (0, 1, 0, 0, 0)


def test_a_job_that_is_back_closes_its_finding() -> None:
    """Even a sweep that did not read the whole list closes it, since it has shown the job."""
    assert counts(after(LOST, later(BACK, 1, complete=False))) == (0, 0, 0, 0, 1)
    assert counts(after(LOST, later(LOST, 1), later(BACK, 2, complete=False))) == (0, 0, 0, 1, 0)
    assert counts(after(LOST, later(BACK, 1), later(LOST, 2))) == (1, 0, 0, 0, 0)


def test_the_finding_of_a_part_without_record_is_closed() -> None:
    """When the part is purged nothing is left that could differ."""
    gone = later(of_jobs(), 2, complete=False)
    assert counts(after(LOST, later(LOST, 1), gone)) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize(
    ("found", "silent", "clear"),
    [
        (FOUND[C.ORPHAN_REMOTE][0], later(of_jobs(), 1, complete=False), later(of_jobs(), 1)),
        (FOUND[C.FOREIGN_REMOTE][0], later(of_jobs(), 1, complete=False), later(of_jobs(), 1)),
        (FOUND[C.MISSING_ARTIFACT][0], later(of_jobs(), 1), later(of_object(), 1)),
        (FOUND[C.LEDGER_DRIFT][0], later(of_jobs(), 1), later(of_money(), 1)),
        (
            FOUND[C.DUPLICATE_REMOTE][0],
            later(of_part(UNSEEN, job=listed(progress=0.6)), 1, complete=False),
            later(of_part(UNSEEN, job=listed(progress=0.6)), 1),
        ),
    ],
)
def test_a_finding_stays_until_what_it_rests_on_was_looked_at(
    found: Snapshot, silent: Snapshot, clear: Snapshot
) -> None:
    """A sweep that did not look where the difference was says nothing about it."""
    stayed, ended = after(found, silent), after(found, clear)
    assert (len(stayed.kept), len(stayed.closed + stayed.withdrawn)) == (1, 0)
    assert (len(ended.kept), len(ended.closed + ended.withdrawn)) == (0, 1)


def test_several_objects_of_one_part_are_one_finding() -> None:
    """A finding is about its subject; the first object that is missing is its evidence."""
    first, second = of_object(name="verdicts", found=False), of_object(name="segment", found=False)
    merged = merge([], evaluate(replace(first, stored=first.stored + second.stored)))
    assert [finding.evidence["object"] for finding in merged.open] == ["verdicts"]


def test_too_many_findings_close_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all findings are kept, one that is not among them may be there all the same."""
    monkeypatch.setattr(evaluating, "FINDINGS_MAX", 2)
    orphans = [listed(str(number), token="bv-abcdefghijklmnop") for number in range(3)]
    old = merge([], evaluate(of_jobs(orphans[2])))
    many = evaluate(later(of_jobs(*orphans), 1))
    assert (len(many.findings), many.cut) == (2, True)
    assert counts(merge(old.kept, many)) == (0, 2, 1, 0, 0)


def test_a_finding_is_read_back_as_it_was_kept() -> None:
    """Its text is JSON that a later program may have added to."""
    (finding,) = evaluate(LOST).findings
    again = Finding.load(finding.dump().replace("{", '{"hue": "blue", ', 1))
    assert again.model_copy(update={"hue": None}) != finding
    assert again.model_dump(exclude={"hue"}) == finding.model_dump()
    assert Finding.load(again.dump()) == again


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"drift": "moonshine"}', "null"])
def test_damaged_text_is_no_finding(text: str) -> None:
    """What cannot be read is refused as such."""
    with pytest.raises(ValueError, match=r"."):
        Finding.load(text)


def test_a_finding_of_a_later_version_is_left_alone() -> None:
    """This program does not judge what it does not know."""
    with pytest.raises(LaterSchema):
        Finding.load(f'{{"schema_version": {SCHEMA_VERSION + 1}}}')


def test_a_finding_says_what_happens_next() -> None:
    """As long as it is only suspected, that it is; then what the rule says, with its own names."""
    (suspected,) = after(LOST).suspected
    assert suspected.next == "it is believed when 2 sweeps in a row have shown it (1 so far)"
    (believed,) = after(LOST, later(LOST, 1)).open
    assert "`bulkverify retry list-1`" in believed.next
    assert "`bulkverify resolve list-1/0 --fail`" in believed.next
    assert (believed.action, believed.severity) == (Handling.PERSON, Severity.WARN)


def test_what_pages_is_what_costs_or_loses() -> None:
    """Exactly the classes by which money or rows may be lost wake somebody."""
    paging = {drift for drift, rule in RULES.items() if rule.severity is Severity.PAGE}
    assert paging == {
        *(C.DUPLICATE_REMOTE, C.IDENTITY_COLLISION, C.ROW_MISMATCH),
        *(C.RESULT_EXPIRED, C.MISSING_ARTIFACT, C.LEDGER_DRIFT),
    }


def test_a_part_that_waits_for_nothing_is_not_drift() -> None:
    """A healthy account has no findings."""
    occasion = an_occasion()
    assert evaluate(Snapshot(occasion, (PartCase(occasion, a_part()),))).findings == ()
