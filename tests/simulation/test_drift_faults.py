"""The faults make the drift that is said of them: what nothing makes is not tried, however many seeds are played."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.simulation.command import Totals, memory_folder
from tests.builders.simulation.drift_faults import MADE_BY
from tests.builders.simulation.drift_told import FOUND, GONE
from tests.builders.simulation.plan import JOB_SECONDS, Injection, Plan
from tests.builders.simulation.stage import Report, Stage
from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterator

IPQS, WHOISXML = "ipqs-main", "whoisxml-main"
#: A fault that never strikes, so that the others last.
NEVER = Injection("message late", "submitted", 10**6)
C = DriftClass


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Yield a place to play in, one for each test process."""
    with memory_folder() as folder, Stage(Path(folder)) as stage:
        yield stage


@pytest.mark.parametrize(
    ("drift", "fault", "state", "account"),
    [
        (C.MISSING_REMOTE, "job hidden", "submitted", WHOISXML),
        (C.IDENTITY_COLLISION, "equal lists joined", "submitted", WHOISXML),
        (C.STALE_LOCAL, "job hidden", "submitted", IPQS),
        (C.STATUS_REGRESSION, "job goes back", "finished", IPQS),
        (C.UNKNOWN_STATUS, "unknown word", "submitted", IPQS),
        (C.REMOTE_ABORTED, "job given up unseen", "submitted", IPQS),
        (C.RESULT_CHANGED, "rows missing once", "finished", WHOISXML),
        (C.SCHEMA_DRIFT, "column added", "submitted", IPQS),
    ],
)
def test_what_others_see_first_is_found_by_a_sweep(
    stage: Stage, drift: DriftClass, fault: str, state: str, account: str
) -> None:
    """Of the classes that looks and downloads deal with sooner, too, where jobs take longer than sweeps are apart."""
    assert fault in MADE_BY[drift]
    joined = drift is C.IDENTITY_COLLISION
    uploads = ((account, 1), (account, 1)) if joined else ((account, 2),)
    faults = (Injection(fault, state), NEVER)
    report = stage.play(Plan(1, faults, uploads, alike=joined, job_seconds=JOB_SECONDS[-1]))
    assert not report.failure
    assert report.drift[FOUND, drift], report.drift


def test_a_run_tells_of_drift_that_nothing_has_made() -> None:
    """A class of the table that no seed has found is named, and the others are not."""
    totals = Totals()
    report = Report(Plan(1, (), ()))
    report.drift.update({(FOUND, drift): 1 for drift in MADE_BY if drift is not C.STALE_LOCAL})
    report.drift[GONE, C.STALE_LOCAL] = 1
    totals.add(report)
    assert totals.unmade == ["stale_local"]
