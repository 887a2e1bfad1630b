"""Draws dashboards as Grafana lays them out, from the same files and with what a Prometheus answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from tests.builders.dashboards.asked import dashboards, panels
from tests.builders.dashboards.forms import BODY, DRAWN, GREY, INK
from worker.dashboards.panel import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.builders.dashboards.answers import Span

#: Pixels of a column and of a row of Grafana's grid, of the heading, between panels, and of a panel's title.
COLUMN, ROW, HEADING, GAP, TITLE = 62, 34, 56, 6, 26
#: Pixels that an axis's labels need to the left of it and below it, and what is kept free at the other edges.
LEFT, BELOW, EDGE = 62, 26, 12
#: Pixels of an inch, by which sizes of text are given.
DPI = 100
#: Colours of a picture, so that its file is small, and how many of them are those that most of its pixels have.
COLOURS_MAX, COLOURS_EXACT = 256, 160


def draw_all(span: Span, folder: Path) -> list[Path]:
    """Draw every dashboard; the files, `UID.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(span, dashboard, folder / f"{uid}.png") for uid, dashboard in dashboards().items()]


def _draw(span: Span, dashboard: Mapping[str, Any], path: Path) -> Path:
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    width, height = COLUMNS * COLUMN + GAP, lines * ROW + HEADING + GAP
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="#f4f5f5")
    figure.text(12 / width, 1 - 20 / height, dashboard["title"], size=14, weight="bold", color=INK, va="center")
    figure.text(12 / width, 1 - 43 / height, dashboard["description"], size=BODY + 1, color=GREY, va="center")
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            y = 1 - (HEADING + (panel["gridPos"]["y"] + 0.55) * ROW) / height
            figure.text(12 / width, y, panel["title"], size=11, weight="bold", color=INK, va="center")
    for panel in panels(dashboard):
        _panel(figure, panel, span, dashboard)
    figure.savefig(path)
    with Image.open(path) as picture:
        few = _with_few_colours(picture.convert("RGB"))
    few.save(path, optimize=True)
    return path


def _with_few_colours(picture: Image.Image) -> Image.Image:
    """The picture with the colours that areas and lines have as they are, and the shades of text nearly so."""
    frequent = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)[:COLOURS_EXACT]
    exact = [part for _, colour in frequent if isinstance(colour, tuple) for part in colour]
    shades = picture.quantize(COLOURS_MAX - COLOURS_EXACT, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*exact, *shades])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def _panel(figure: Figure, panel: Mapping[str, Any], span: Span, dashboard: Mapping[str, Any]) -> None:
    width, height = (float(size) * DPI for size in figure.get_size_inches())
    place = panel["gridPos"]
    left, top = place["x"] * COLUMN + GAP, HEADING + place["y"] * ROW + GAP
    w, h = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    frame = (left / width, 1 - (top + h) / height)
    figure.patches.append(
        Rectangle(
            frame,
            w / width,
            h / height,
            transform=figure.transFigure,
            facecolor="white",
            edgecolor="#d8dbde",
            zorder=-1,
        )
    )
    figure.text(
        (left + 10) / width,
        1 - (top + 14) / height,
        panel["title"],
        size=BODY + 0.5,
        weight="bold",
        color=INK,
        va="center",
    )
    instant = panel["targets"][0]["instant"]
    answers = [span.of(dashboard, target, at_end=instant) for target in panel["targets"]]
    labelled = panel["type"] in {"timeseries", "heatmap"}
    inner_left, inner_below = (LEFT, BELOW) if labelled else (EDGE, EDGE)
    # The last time below the axes is as wide to the right as to the left.
    inner_right = BELOW if labelled else EDGE
    box = (left + inner_left, height - top - h + inner_below, w - inner_left - inner_right, h - TITLE - inner_below)
    axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    axes.set_facecolor("none")
    if all(series.blank for answer in answers for series in answer) or (
        panel["type"] == "heatmap" and not any(max(s.values) > 0.01 for answer in answers for s in answer)
    ):
        axes.set_axis_off()
        words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        axes.text(0.5, 0.5, words, size=BODY + 1, color=GREY, ha="center", va="center", transform=axes.transAxes)
        return
    DRAWN[panel["type"]](axes, panel, answers)
    if labelled:
        axes.set_xlim(span.since, span.until)
