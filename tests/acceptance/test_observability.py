"""`make observability`: a real Prometheus on the demo, an alert that fires and ends, pictures, and nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from tests.builders.dashboards.asked import dashboards
from tests.builders.leftovers import processes_in
from tests.builders.promtool import needs_prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "tests.builders.dashboards.observability")
#: Seconds that all of it may take on a machine that does other things too; and its start, and its end when it is asked.
ALL_SECONDS, START_SECONDS, END_SECONDS = 360.0, 60.0, 60.0


@contextmanager
def watching(folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command with everything in `folder`, which is also its current one; no process outlives the block."""
    process = subprocess.Popen(
        [*COMMAND, "--folder", "demo", "--pictures", "pictures"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
        assert processes_in(folder) == {}
    finally:
        for pid in processes_in(folder):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


@needs_prometheus
def test_an_alert_fires_and_ends_and_dashboards_are_drawn(tmp_path: Path) -> None:
    """Every target is up, one alert fires and ends, and there is a picture of each dashboard."""
    with watching(tmp_path) as process:
        told, followed = process.communicate(timeout=ALL_SECONDS)
        assert process.returncode == ExitCode.OK, told + followed
    first, *_ = targets = [line for line in told.splitlines() if line.startswith("Target ")]
    assert (len(targets), first.endswith("/metrics: up")) == (1, True)
    assert told.index("\nFires: BulkVerifyUnknownStatus") < told.index("\nEnded: BulkVerifyUnknownStatus")
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {f"{uid}.png" for uid in dashboards()}


@needs_prometheus
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_everything_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """Interrupted while the demo runs, it says so, and leaves no process."""
    with watching(tmp_path) as process:
        assert process.stdout is not None
        assert any(line.startswith("Target ") for line in process.stdout)
        process.send_signal(number)
        _, told = process.communicate(timeout=END_SECONDS)
        assert (process.returncode, "Interrupted" in told) == (ExitCode.INTERRUPTED, True)


def test_without_prometheus_it_says_what_to_do(tmp_path: Path) -> None:
    """Where there is no Prometheus nothing is started, and the message has the remedy."""
    with watching(tmp_path, PATH=str(tmp_path)) as process:
        _, told = process.communicate(timeout=START_SECONDS)
        assert (process.returncode, "apt-get install prometheus" in told) == (ExitCode.USAGE, True)
    assert list(tmp_path.iterdir()) == []
