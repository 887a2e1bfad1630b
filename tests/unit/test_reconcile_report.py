"""What becomes of each finding, before and after, and how that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click
import pytest

from tests.builders.core_records import sent
from tests.builders.drift_cases import FOUND, TOKEN, WAITING, listed, of_jobs, of_part
from worker.actors.drift import Judged
from worker.cli.finding_words import is_concern
from worker.cli.reconcile.prognosis import (
    DEEDS,
    Fate,
    carried_out,
    counts,
    differs,
    moved_by_the_way,
    planned,
    rest,
)
from worker.cli.reconcile.report import FINDINGS_SHOWN_MAX, SIGNS, AccountReport, closing, worst_code
from worker.core.drift.classes import DriftClass, Handling
from worker.core.drift.evaluate import Merged, evaluate, merge
from worker.core.drift.repairs import Plan, plan
from worker.core.drift.rules import RULES
from worker.core.drift.salvaging import SALVAGES
from worker.core.part import quarantine
from worker.core.sweep import Sweep
from worker.store.findings import Kept

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.drift.views import Snapshot

C = DriftClass


def judged(snapshot: Snapshot) -> Judged:
    """What a sweep means whose findings have all been seen often enough."""
    evaluation = evaluate(snapshot)
    seen = [finding.model_copy(update={"times": 2}) for finding in evaluation.findings]
    merged = replace(merge((), evaluation), suspected=(), opened=tuple(seen))
    return Judged(merged, plan(merged.open, evaluation), evaluation, Kept(), None, 0.0)


def written(found: Judged) -> list[Change]:
    """The changes of the planned repairs, as they are written."""
    return [
        replace(repair.change, details=dict(repair.change.details or {}) | {"drift": str(repair.finding.drift)})
        for repair in found.plan.repairs
    ]


@pytest.mark.parametrize("drift", DriftClass)
def test_each_class_has_a_fate(drift: DriftClass) -> None:
    """A repair is told where one is planned, otherwise what the class's rule says; after it was written it is done."""
    for snapshot in FOUND[drift]:
        found = judged(snapshot)
        (item,) = planned(found, {})
        assert item.text
        assert not item.text.endswith(".")
        if found.plan.repairs:
            assert item.fate is Fate.REPAIR
            assert found.plan.repairs[0].change.decision in DEEDS
            (after,) = carried_out(found, written(found), [])
            assert (after.fate, after.text) == (item.fate, item.text)
            (raced,) = carried_out(found, [], written(found))
            assert raced.fate is Fate.MOVED_ON
        else:
            # What could have been imported or fetched would have been.
            given_up = drift in {C.ORPHAN_REMOTE, *SALVAGES}
            handling = Handling.PERSON if given_up else RULES[drift].handling
            expected = {Handling.PERSON: Fate.PERSON, Handling.TOLD: Fate.TOLD}.get(handling, Fate.WATCHED)
            assert item.fate is expected
            assert [one.fate for one in carried_out(found, [], [])] == [expected]


def test_an_orphan_is_imported_for_its_part() -> None:
    """Its token leads to the part; afterwards the part that has the job says so."""
    found = judged(of_jobs(listed("88", token=TOKEN)))
    (item,) = planned(found, {TOKEN: "list-1/0"})
    assert (item.fate, item.text) == (Fate.IMPORT, "import it for part list-1/0")
    part = sent(remote_id="88")
    taken = replace(quarantine(part, 0.0, "x", "x"), parts=(part,), decision="adopt")
    (after,) = carried_out(found, [taken], [])
    assert (after.fate, after.text) == (Fate.IMPORT, "import it for part list-1/0")
    assert moved_by_the_way([after], [taken]) == 0
    assert moved_by_the_way([], [taken, replace(taken, details=None)]) == 1


def test_a_mere_look_mends_nothing() -> None:
    """A part that waits for a word nobody knows was looked at by the walk, and waits still."""
    (snapshot, _) = FOUND[C.UNKNOWN_STATUS]
    found = judged(snapshot)
    look = replace(quarantine(snapshot.parts[0].part, 0.0, "x", "x"), decision="look_again", details={"word": "x"})
    (item,) = carried_out(found, [look], [])
    assert item.fate is Fate.WATCHED


def test_nothing_is_repaired_where_the_list_is_not_believed() -> None:
    """Every finding says so, and the account has drift."""
    found = judged(FOUND[C.STALE_LOCAL][0])._replace(plan=Plan(outcome="account_mismatch"))
    for items in (planned(found, {}), carried_out(found, [], [])):
        assert [item.fate for item in items] == [Fate.FROZEN]
        assert differs(items, after=True)


def test_what_is_suspected_or_over_is_no_drift() -> None:
    """They are told behind the others."""
    (finding,) = judged(FOUND[C.MISSING_REMOTE][0]).merged.open
    once = finding.model_copy(update={"times": 1})
    merged = Merged(suspected=(once,), opened=(), still=(), closed=(finding,), withdrawn=())
    items = rest(judged(of_part(WAITING, job=listed()))._replace(merged=merged))
    assert [item.fate for item in items] == [Fate.SUSPECTED, Fate.GONE]
    assert not differs(items, after=False)


def test_strangers_alone_are_no_drift() -> None:
    """They stay as long as somebody else uses the account; every other class that is believed counts."""
    concerns = {drift for drift in DriftClass if all(map(is_concern, judged(FOUND[drift][0]).merged.open))}
    assert set(DriftClass) - concerns == {C.FOREIGN_REMOTE}
    (finding,) = judged(FOUND[C.MISSING_REMOTE][0]).merged.open
    assert not is_concern(finding.model_copy(update={"times": 1}))


def a_report(*drifts: DriftClass, applied: bool = False, **fields: object) -> AccountReport:
    """An account with one finding of each class."""
    items = [item for drift in drifts for item in planned(judged(FOUND[drift][0]), {})]
    report = AccountReport("ipqs-main", "ipqs", applied=applied, items=items, sweep=Sweep(0.0, complete=True))
    return replace(report, **fields)  # type: ignore[arg-type]  # a builder


def test_the_last_line_counts_what_becomes_of_all() -> None:
    """Repairs, people and what passes by itself always; the rest where there is any."""
    reports = [
        a_report(C.STALE_LOCAL, C.MISSING_ARTIFACT, repairs_left=2),
        a_report(C.RESERVATION_LEAK, C.ROW_MISMATCH),
    ]
    told = "2 repairs, 1 for a person, 0 watched, 1 told, 2 more repairs in the next sweep"
    assert closing(reports, applied=False) == f"Plan: {told}."
    assert closing(reports, applied=True) == f"Applied: {told}."
    assert closing([], applied=False) == "Plan: 0 repairs, 0 for a person, 0 watched."


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (a_report(), 0),
        (a_report(C.FOREIGN_REMOTE), 0),
        (a_report(C.STALE_LOCAL), 2),
        (a_report(C.STALE_LOCAL, applied=True), 0),
        (a_report(C.STALE_LOCAL, applied=True, repairs_left=1), 2),
        (a_report(C.MISSING_ARTIFACT, applied=True), 2),
        (a_report(mismatch=True), 2),
        (a_report(C.MISSING_ARTIFACT, failure="No answer."), 1),
    ],
)
def test_the_exit_code_of_an_account(report: AccountReport, code: int) -> None:
    """0 clean, 2 drift or what is left of it, 1 where that was not found out; an error counts most of all."""
    assert report.code == code
    assert worst_code([report, a_report()]) == code
    assert worst_code([report, a_report(failure="No answer.")]) == 1
    assert report.as_document()["code"] == code


def test_a_finding_takes_two_lines() -> None:
    """What is done, behind its sign; then the class and what was seen, without anything that a terminal would obey."""
    (item,) = planned(judged(of_part(WAITING, job=listed(status="unknown", word="SIM\x1b[2J"))), {})
    report = replace(a_report(), items=[item], now=item.finding.first_seen_at + 7_200.0)
    head, first, second = list(map(click.unstyle, report.lines()))[1:]
    assert head == "  list: complete, 0 pages, 0 jobs"
    assert first.startswith("  . part list-1/0: it ends when the provider says something else")
    assert second.startswith("      unknown_status (warn) for 2 h, seen 2 times: remote id 77")
    assert "\x1b" not in second


def test_a_long_list_of_findings_is_cut_for_people() -> None:
    """Programs get all of them."""
    report = a_report(*[C.MISSING_ARTIFACT] * (FINDINGS_SHOWN_MAX + 1))
    assert "  … and 1 more; --json tells all of them" in list(report.lines())
    assert len(report.as_document()["findings"]) == FINDINGS_SHOWN_MAX + 1  # type: ignore[arg-type]  # it is a list
    assert counts(report.items)[Fate.PERSON] == FINDINGS_SHOWN_MAX + 1


@pytest.mark.parametrize(
    ("parts", "told"), [(1, "1 part has moved on to where"), (3, "3 parts have moved on to where")]
)
def test_parts_that_move_by_the_way_are_counted(parts: int, told: str) -> None:
    """They are no drift, and follow what is."""
    *_, clean, moved = a_report(applied=True, parts_moved=parts).lines()
    assert clean == "  No drift."
    assert moved.startswith(f"  By the way, {told}")


def test_every_fate_has_a_sign() -> None:
    """Which the help explains."""
    from worker.cli.reconcile.command import reconcile  # noqa: PLC0415 - only this test needs the command

    assert set(SIGNS) == set(Fate)
    assert all(f"  {sign}  " in str(reconcile.epilog) for sign in SIGNS.values())
