"""What is measured of rows is told truly: goals are judged by the numbers, on a list that is as the page says."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import click
import pytest

from tests.benchmarks.measured_step import Done, Measured, checked
from tests.benchmarks.row_figures import OURS, YARDSTICKS, figures, large_figures
from tests.benchmarks.row_files import write_list
from tests.benchmarks.rows import check_machine
from worker.providers.port import Kind
from worker.rows.values import fold_key

if TYPE_CHECKING:
    from pathlib import Path


def step(*, seconds: float = 1.0, peak_bytes: int = 100_000_000) -> Measured:
    """A step on 100 MB in a million rows that has met its goals."""
    return Measured(100_000_000, 1_000_000, seconds, seconds, 60_000_000, peak_bytes)


def unmet(**changed: Measured) -> set[str]:
    """The figures whose goals are missed when some steps are as given."""
    found = dict.fromkeys([*OURS, *YARDSTICKS], step()) | changed
    return {figure.what for figure in figures(found) if figure.met is False}


@pytest.mark.parametrize(
    ("name", "slow", "missed"),
    [
        ("split", step(seconds=1.01), {"Split into rows alone, list"}),
        ("stage", step(seconds=4.01), {"Stage with fold, list, against DuckDB"}),
        ("upload", step(seconds=1.26), {"Upload of the values, against curl"}),
        ("deliver", step(seconds=10.1), {"Deliver, against DuckDB"}),
        ("upload", step(peak_bytes=125_000_000), {"Upload, memory above the idle process"}),
        ("stage", step(peak_bytes=257_000_000), {"Memory at most, stage"}),
    ],
)
def test_each_goal_is_missed_alone(name: str, slow: Measured, missed: set[str]) -> None:
    """A step just beyond one goal misses that goal and no other."""
    assert unmet() == set()
    assert unmet(**{name: slow}) == missed


def test_memory_of_a_larger_list_is_judged() -> None:
    """A larger list that takes too much memory in one step misses that goal, told against the smaller list."""
    found = dict.fromkeys(OURS, step())
    larger = Measured(500_000_000, 5_000_000, 1.0, 1.0, 60_000_000, 300_000_000)
    told = {figure.what: figure for figure in large_figures(found, found | {"deliver": larger})}
    missed = [figure for figure in told.values() if figure.met is False]
    assert [(figure.what, figure.against, figure.ratio) for figure in missed] == [
        ("Memory at most, deliver, a list 5 times as large", 100.0, 3.0)
    ]


def test_the_faster_try_counts_with_the_larger_memory() -> None:
    """Of two tries the faster one is kept, with the most memory that either took."""
    slow, fast = step(seconds=2.0, peak_bytes=90_000_000), step(seconds=1.0, peak_bytes=80_000_000)
    assert slow.better(fast) == fast.better(slow) == step(seconds=1.0, peak_bytes=90_000_000)


def test_a_step_on_part_of_the_rows_is_no_measurement() -> None:
    """What was done to fewer rows than there are is refused."""
    assert checked(7, Done(1, 7)) == Done(1, 7)
    with pytest.raises(RuntimeError, match="6 rows where there are 7"):
        checked(7, Done(1, 6))


def test_the_list_is_as_the_page_says(tmp_path: Path) -> None:
    """One address of a hundred is blank, one of ten repeats another, a quarter of the rows has a quoted cell."""
    path = tmp_path / "list.csv"
    write_list(path, 10_000)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    addresses = [row[header.index("email")] for row in rows]
    keys = [fold_key(Kind.EMAIL, address) for address in addresses if address]
    assert len(rows) == 10_000
    assert addresses.count("") == 100
    assert len(keys) - len(set(keys)) == pytest.approx(1_000, abs=5)
    assert sum("," in row[1] or "\n" in row[1] for row in rows) == pytest.approx(2_500, abs=10)
    assert sum("\n" in row[1] for row in rows) == 10
    assert 60 < path.stat().st_size / len(rows) < 80


def test_too_little_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    """A list for which no disk is large enough is refused, with what it would take and what to do."""
    with pytest.raises(click.ClickException, match=r"take up to 1,000,000\.0 GB in .* give fewer --rows") as refused:
        check_machine(tmp_path, 10**12)
    assert str(tmp_path) in refused.value.message
    assert list(tmp_path.iterdir()) == []
