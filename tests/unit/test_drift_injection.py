"""What judges a run of drift injection sees what was not found, what does not end, and counts the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.chaos.audit import Findings
from tests.builders.injection.report import Report
from tests.builders.injection.told import DriftLog, Told
from tests.builders.injection.world import Case
from worker.core.drift.classes import DriftClass
from worker.core.drift.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path


def a_report(*cases: Case, still: tuple[Finding, ...] = (), audit: Findings | None = None) -> Report:
    """A run with these differences."""
    return Report(7, 60.0, 3, cases, {}, still, audit or Findings())


def a_case(drift: DriftClass = DriftClass.STALE_LOCAL, **times: float) -> Case:
    """A difference that was caused at second 10."""
    return Case(drift, "ipqs-main", "list-1/0", caused_at=10.0, **times)


def a_finding(drift: DriftClass) -> Finding:
    """A finding that is there at the end."""
    known: dict[str, Any] = {"evidence": {}, "first_seen_at": 0.0, "last_seen_at": 0.0, "swept_at": 0.0, "times": 2}
    return Finding(drift=drift, account="ipqs-main", subject="list-1/0", **known)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (a_report(a_case()), ["never found"]),
        (a_report(a_case(found_at=12.0)), ["not over"]),
        (a_report(a_case(DriftClass.FOREIGN_REMOTE, found_at=12.0)), []),
        (a_report(a_case(found_at=12.0, gone_at=15.0)), []),
        (a_report(still=(a_finding(DriftClass.MISSING_REMOTE),)), ["at the end"]),
        (a_report(still=(a_finding(DriftClass.FOREIGN_REMOTE),)), []),
        (a_report(audit=Findings(double_charges=["Charged twice."], quarantined=["list-1/0"])), ["twice", "person"]),
    ],
    ids=["unseen", "endless", "told", "over", "left open", "left told", "audit"],
)
def test_what_is_broken_is_told(report: Report, words: list[str]) -> None:
    """A difference must be found, and end unless it is only told; and no promise may be broken by it."""
    assert len(report.broken) == len(words)
    assert all(word in sentence for word, sentence in zip(words, report.broken, strict=True))


def test_times_are_counted_from_the_cause_and_from_its_end() -> None:
    """Found after it was caused; over after it was undone, or found, whichever came last."""
    report = a_report(
        a_case(found_at=12.0, undone_at=13.0, gone_at=15.0), a_case(found_at=16.0, undone_at=11.0, gone_at=17.0)
    )
    figures = report.figures()[DriftClass.STALE_LOCAL]
    assert (figures.caused, figures.found, figures.over) == (2, 2, 2)
    assert (figures.found_seconds, figures.over_seconds) == ((4.0, 6.0), (1.5, 2.0))
    assert "stale_local" in "\n".join(report.lines())
    assert report.document()["classes"]["stale_local"]["caused"] == 2


def test_the_log_is_followed_line_by_line(tmp_path: Path) -> None:
    """What is told of drift is read once; a line that is written half waits for its other half."""
    path = tmp_path / "up.log"
    line = json.dumps({"event": "drift_found", "class": "stale_local", "account": "ipqs-main", "subject": "list-1/0"})
    path.write_text(f"Traceback, by accident\n{line}\n{line.replace('found', 'gone')[:30]}")
    log = DriftLog(path)
    told = Told(DriftClass.STALE_LOCAL, "ipqs-main", "list-1/0", found=True)
    assert list(log.news()) == [told]
    assert list(log.news()) == []
    with path.open("a") as out:
        out.write(line.replace("found", "gone")[30:] + "\n")
    assert list(log.news()) == [told._replace(found=False)]
