"""A crash right before and right after every single effect, and every reply lost: one charge, and every row.

The ordinary tests look at an evenly spread share, `make crashpoints` at all points, and `make crashpoints POINTS=137`
at one effect of each scenario, with the log of its runs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.builders.crash_points import SCENARIOS, CrashPoints, Point, Scenario, crash_points
from tests.builders.figures import note_figures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Environment variable that asks for `all` points, or for those of the effect with that number.
POINTS_VARIABLE = "CRASH_POINTS"
WANTED = os.environ.get(POINTS_VARIABLE, "")
#: One point of so many is looked at in the ordinary tests. Not a multiple of three, so that all outcomes come up.
SHARE = 83
#: Effects around the spend, whose first occurrence is always looked at.
ALWAYS = ("redis commit part", "file create attempts/1.json: link", "redis commit attempt", "http submit")
#: Tests among which all points of a scenario are dealt out, so that several processes share them.
SHARDS = 4 if WANTED == "all" else 1


def chosen(bench: CrashPoints) -> list[Point]:
    """The points to look at."""
    points = list(bench.points())
    if WANTED == "all":
        return points
    if WANTED:
        return [point for point in points if point.effect.number == int(WANTED)]
    names = [str(effect) for effect in bench.effects]
    first = {names.index(name) + 1 for name in ALWAYS}
    return [p for place, p in enumerate(points) if place % SHARE == 0 or p.effect.number in first]


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_no_point_costs_a_second_charge_or_a_row(
    tmp_path: Path, redis_url: str, record_property: Callable[[str, object], None], scenario: Scenario, shard: int
) -> None:
    """Wherever the process dies or is not answered, another one finishes: one charge a part, every row, no drift."""
    with crash_points(tmp_path, redis_url, scenario, logs=WANTED.isdecimal()) as bench:
        points = chosen(bench)
        mine = points[shard::SHARDS]
        wrong = {point: found for point in mine if (found := bench.run(point))}
        # Every shard has the same effects, which count once.
        effects, all_points = (len(bench.effects), len(list(bench.points()))) if shard == 0 else (0, 0)
    numbers = {"effects": effects, "points": all_points, "runs": len(mine), "wrong": len(wrong)}
    note_figures(record_property, "crash points", str(scenario), **numbers)
    assert not wrong, told(scenario, wrong)


def told(scenario: Scenario, wrong: dict[Point, list[str]]) -> str:
    """Every point at which something went wrong, what it was, and how to see it again."""
    lines = [f"{point}\n    " + "\n    ".join(found) for point, found in wrong.items()]
    number = next(iter(wrong)).effect.number
    again = f"make crashpoints POINTS={number} PYTEST_ARGS='-k {scenario}'"
    return "\n".join([f"{len(wrong)} points of {scenario}; once more: {again}", *lines])
