"""What was measured of the steps on rows, as figures against their goals and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks.measured_step import MEGABYTE
from tests.benchmarks.report import Cell, Figure, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.benchmarks.measured_step import Measured

#: Megabytes a second on one core for splitting, and for staging as a whole.
SPLIT_GOAL = 100.0
STAGE_GOAL = 25.0
#: Rows delivered in a second.
DELIVER_GOAL = 100_000.0
#: Our rate of sending a list, of curl's.
UPLOAD_GOAL = 0.8
#: Megabytes that sending takes above the idle process, and that any process has at most.
UPLOAD_MEMORY_GOAL = 64.0
MEMORY_GOAL = 256.0

#: The program's own steps.
OURS = ("split", "stage", "upload", "download", "collect", "deliver")
#: Those that they are compared with, as the page calls them.
YARDSTICKS = {
    "count_lines": "split, against: lines counted by a plain loop",
    "count_rows": "split, against: rows counted by DuckDB",
    "copy": "stage, against: cp",
    "fold": "stage, against: DuckDB, read and fold",
    "curl_upload": "upload, against: curl",
    "curl_download": "download, against: curl",
    "join": "deliver, against: DuckDB, join and write",
}


def figures(found: Mapping[str, Measured]) -> Iterator[Figure]:
    """The figures of one list."""
    yield _least(
        "Split into rows alone, list",
        "MB per core and second",
        found["split"].megabytes_per_cpu_second,
        SPLIT_GOAL,
        found["count_lines"].megabytes_per_cpu_second,
    )
    stage, fold = found["stage"].megabytes_per_second, found["fold"].megabytes_per_second
    yield _least("Stage with fold, list, against DuckDB", "MB/s", stage, STAGE_GOAL, fold)
    yield _told("Stage with fold, list, against cp", "MB/s", stage, found["copy"].megabytes_per_second)
    yield _upload(found["upload"], found["curl_upload"])
    above = (found["upload"].peak_bytes - found["upload"].idle_bytes) / MEGABYTE
    yield _most("Upload, memory above the idle process", "MB", above, UPLOAD_MEMORY_GOAL)
    yield _told(
        "Download without its check, against curl",
        "MB/s",
        found["download"].megabytes_per_second,
        found["curl_download"].megabytes_per_second,
    )
    yield _told("Collect: download, check, keep the verdicts", "rows/s", found["collect"].rows_per_second)
    yield _least(
        "Deliver, against DuckDB",
        "rows/s",
        found["deliver"].rows_per_second,
        DELIVER_GOAL,
        found["join"].rows_per_second,
    )
    for name in OURS:
        yield _most(f"Memory at most, {name}", "MB", found[name].peak_bytes / MEGABYTE, MEMORY_GOAL)


def large_figures(found: Mapping[str, Measured], large: Mapping[str, Measured]) -> Iterator[Figure]:
    """What a larger list takes, against the usual one."""
    for name in ("stage", "collect", "deliver"):
        peak, before = large[name].peak_bytes / MEGABYTE, found[name].peak_bytes / MEGABYTE
        size = f"a list {large[name].rows / found[name].rows:.0f} times as large"
        yield _most(f"Memory at most, {name}, {size}", "MB", peak, MEMORY_GOAL, before)
        speed, before = large[name].rows_per_second, found[name].rows_per_second
        yield _told(f"{name.capitalize()}, {size}", "rows/s", speed, before)


def table(title: str, found: Mapping[str, Measured]) -> Table:
    """Everything that was measured, step by step."""
    columns = ["step", "MB", "s", "CPU s", "MB/s", "rows/s", "MB idle", "MB at most"]
    rows = [_row(YARDSTICKS.get(name, name), step) for name, step in found.items()]
    return Table(title=title, columns=columns, rows=rows)


def _row(name: str, step: Measured) -> list[Cell]:
    memory: list[Cell] = [round(size / MEGABYTE, 1) if size else None for size in (step.idle_bytes, step.peak_bytes)]
    return [
        name,
        round(step.bytes / MEGABYTE, 1),
        round(step.seconds, 2),
        round(step.cpu_seconds, 2),
        round(step.megabytes_per_second, 1),
        round(step.rows_per_second),
        *memory,
    ]


def _upload(ours: Measured, curl: Measured) -> Figure:
    ratio = ours.megabytes_per_second / curl.megabytes_per_second
    return Figure(
        what="Upload of the values, against curl",
        unit="MB/s",
        value=round(ours.megabytes_per_second, 1),
        against=round(curl.megabytes_per_second, 1),
        ratio=round(ratio, 3),
        goal=f"ratio at least {UPLOAD_GOAL:g}",
        met=ratio >= UPLOAD_GOAL,
    )


def _least(what: str, unit: str, value: float, goal: float, against: float) -> Figure:
    told = _told(what, unit, value, against)
    return told.model_copy(update={"goal": f"at least {goal:,g} {unit}", "met": value >= goal})


def _most(what: str, unit: str, value: float, goal: float, against: float | None = None) -> Figure:
    told = _told(what, unit, value, against)
    return told.model_copy(update={"goal": f"at most {goal:,g} {unit}", "met": value <= goal})


def _told(what: str, unit: str, value: float, against: float | None = None) -> Figure:
    return Figure(
        what=what,
        unit=unit,
        value=round(value, 1),
        against=None if against is None else round(against, 1),
        ratio=None if against is None else round(value / against, 3),
    )
