"""Draws dashboards as Grafana lays them out, from the same files and with what a Prometheus answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders.dashboards.asked import dashboards, panels
from tests.builders.dashboards.forms import BODY, DRAWN, GREY, INK, SEEN_MIN
from tests.builders.dashboards.sheet import Sheet
from worker.dashboards.panel import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from tests.builders.dashboards.answers import Series, Span

#: Pixels of a column and of a row of Grafana's grid, of the heading, between panels, and of a panel's title.
COLUMN, ROW, HEADING, GAP, TITLE = 62, 34, 56, 6, 26
#: Pixels that an axis's labels need to the left of it and below it, and what is kept free at the other edges.
LEFT, BELOW, EDGE = 62, 26, 12
#: Forms with axes, and thus with labels beside them.
LABELLED = {"timeseries", "heatmap"}


def draw_all(span: Span, folder: Path) -> list[Path]:
    """Draw every dashboard; the files, `UID.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(span, dashboard, folder / f"{uid}.png") for uid, dashboard in dashboards().items()]


def _draw(span: Span, dashboard: Mapping[str, Any], path: Path) -> Path:
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    sheet = Sheet(COLUMNS * COLUMN + GAP, lines * ROW + HEADING + GAP, "#f4f5f5")
    sheet.write(12, 20, dashboard["title"], size=14, colour=INK, bold=True)
    sheet.write(12, 43, dashboard["description"], size=BODY + 1, colour=GREY)
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            sheet.write(
                12, HEADING + (panel["gridPos"]["y"] + 0.55) * ROW, panel["title"], size=11, colour=INK, bold=True
            )
    for panel in panels(dashboard):
        at_end = panel["targets"][0]["instant"]
        answers = [span.of(dashboard, target, at_end=at_end) for target in panel["targets"]]
        axes = _frame(sheet, panel)
        if _blank(panel, answers):
            _say_blank(axes, panel)
            continue
        DRAWN[panel["type"]](axes, panel, answers)
        if panel["type"] in LABELLED:
            axes.set_xlim(span.since, span.until)
    sheet.save(path)
    return path


def _frame(sheet: Sheet, panel: Mapping[str, Any]) -> Axes:
    """A panel's frame and title; the axes inside."""
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN + GAP, HEADING + place["y"] * ROW + GAP
    width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    sheet.frame(x, y, width, height, colour="#d8dbde")
    sheet.write(x + 10, y + 14, panel["title"], size=BODY + 0.5, colour=INK, bold=True)
    # The last time below the axes is as wide to the right of its place as to the left.
    left, below, right = (LEFT, BELOW, BELOW) if panel["type"] in LABELLED else (EDGE, EDGE, EDGE)
    return sheet.axes(x + left, y + TITLE, width - left - right, height - TITLE - below)


def _blank(panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> bool:
    found = [series for answer in answers for series in answer]
    if panel["type"] == "heatmap":
        return not any(value > SEEN_MIN for series in found for value in series.values)
    return all(series.blank for series in found)


def _say_blank(axes: Axes, panel: Mapping[str, Any]) -> None:
    axes.set_axis_off()
    words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    axes.text(0.5, 0.5, words, size=BODY + 1, color=GREY, ha="center", va="center", transform=axes.transAxes)
