"""The benchmark of rows takes a list through every step, and tells all of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.row_figures import OURS
from tests.benchmarks.rows import LARGE_TIMES, OWN_STEPS, STEPS, TRIES, measured

#: What is begun in each further try: two transfers, ours and curl's.
TRANSFERS = 4


@pytest.mark.processes
@pytest.mark.timeout(300)  # some twenty processes one after the other
@pytest.mark.skipif(shutil.which("curl") is None, reason="compares with curl")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of processes from /proc")
def test_a_small_list_takes_every_step(tmp_path: Path) -> None:
    """A list and a larger one bring a figure for each goal and a row for each step, and leave no file behind."""
    begun: list[str] = []
    report = measured(tmp_path, 2_000, large=True, say=begun.append, tries=1)
    whole, large = ({row[0]: row for row in table.rows} for table in report.tables)
    assert set(OURS) < set(whole)
    assert set(large) == {"stage", "collect", "deliver"}
    assert [row[5] for row in whole.values() if not row[5]] == []
    judged = {figure.what for figure in report.figures if figure.met is not None}
    assert {f"Memory at most, {name}" for name in OURS} <= judged
    assert any(what.endswith(f"{LARGE_TIMES} times as large") for what in judged)
    assert len(begun) == STEPS - (TRIES - 1) * TRANSFERS + OWN_STEPS
    assert list(tmp_path.iterdir()) == []
