"""The page of what was measured tells what its file says, and every goal on it is judged."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from pydantic import ValidationError

from tests.benchmarks.page import ABOUT, PAGE, page
from tests.benchmarks.performance import MEASURED, PLOT, PROGRAMS, Performance
from tests.benchmarks.report import Figure


def test_the_page_is_generated() -> None:
    """`docs/performance.md` is what `python -m tests.benchmarks.page` prints."""
    written = PAGE.read_text(encoding="utf-8")
    fresh = page(Performance.read(MEASURED))
    assert list(unified_diff(written.splitlines(), fresh.splitlines(), lineterm="")) == []


def test_every_benchmark_is_told_of() -> None:
    """The page has words for each benchmark that `make bench` knows."""
    assert list(ABOUT) == list(PROGRAMS)


def test_every_goal_is_judged() -> None:
    """Each figure with a goal says whether that is met, and there are such figures."""
    figures = [figure for run in Performance.read(MEASURED).runs for figure in run.report.figures]
    judged = [figure.met for figure in figures if figure.goal is not None]
    assert judged
    assert None not in judged


@pytest.mark.parametrize("fields", [{"goal": "at most 1"}, {"met": True}])
def test_a_goal_without_judgement_is_no_figure(fields: dict[str, object]) -> None:
    """A figure has a goal and says whether it is met, or has neither."""
    with pytest.raises(ValidationError, match="needs a goal and whether it is met"):
        Figure.model_validate({"what": "lag", "unit": "s", "value": 1.0} | fields)


def test_the_plot_is_there() -> None:
    """The picture that the page shows names both of its axes, with the unit."""
    drawn = PLOT.read_text(encoding="utf-8")
    assert "p95 lag, seconds" in drawn
    assert "calls per job" in drawn
