"""The benchmark of recoveries measures what it says, and writes figures that can be read again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.recovery import DEAD_SECONDS, IDLE_SECONDS
from tests.benchmarks.report import Report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.processes
def test_one_fault_is_measured_once(tmp_path: Path) -> None:
    """A short run ends well, has the figures with a goal and those of its fault, and nothing else."""
    file = tmp_path / "recovery.json"
    command = [sys.executable, "-m", "tests.benchmarks.recovery", "--json", str(file), "--tries", "1"]
    done = subprocess.run([*command, "--only", "broker_flushed"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = Report.read(file)
    assert [figure.goal for figure in report.figures] == [
        f"at most {IDLE_SECONDS:g} s",
        f"at most {DEAD_SECONDS:g} s",
        None,
        None,
    ]
    assert report.settings["heartbeat_timeout_seconds"] == 30
    assert [row[1] for row in report.tables[0].rows] == [30, 1, 1, 1]
    assert all(figure.value > 0 for figure in report.figures)
