"""Draws what is inside of panels, by their form, on axes whose unit is the pixel or the value."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.builders.dashboards.shown import COLOURS, colour, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from tests.builders.dashboards.answers import Series

#: Colours of lines, one after the other.
PALETTE = (
    *("#56a64b", "#e0a800", "#3274d9", "#e5780b", "#c4162a", "#8f3bb8", "#37a2a2", "#8c6d46"),
    *("#96d98d", "#ffcb7d", "#8ab8ff", "#ffa6b0", "#ca95e5", "#6e9fa5", "#b8a27e", "#5a5a5a"),
)
GREY, FAINT, INK = "#6b7280", "#e9ebee", "#24292e"
#: Sizes of text, in points.
SMALL, BODY = 7.0, 8.0
#: Observations from which on a heatmap shows a bucket: an increase is not a whole number, and rarely quite nothing.
SEEN_MIN = 0.01
#: Names that a legend has room for.
LEGEND_MAX = 12
#: Pixels of a legend's line, of a table's line, and of a letter of `SMALL` size.
LEGEND_PIXELS, LINE_PIXELS, LETTER_PIXELS = 15, 22, 5.6


def draw_stat(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> None:
    """Each series as its last number, in the colour of its threshold, over its course."""
    axes.set_axis_off()
    found = [series for answer in answers for series in answer]
    defaults = panel["fieldConfig"]["defaults"]
    for place, series in enumerate(found):
        tone = colour(series.last, defaults["thresholds"])
        part = axes.inset_axes((place / len(found), 0.0, 1 / len(found), 1.0))
        part.set_axis_off()
        numbers = [value if math.isfinite(value) else 0.0 for value in series.values]
        part.fill_between(series.times, numbers, color=tone, alpha=0.15, linewidth=0)
        part.set_ylim(0, max(*numbers, 1e-9) * 3)
        text = shown(series.last, defaults["unit"])
        size = 20 if len(found) * len(text) < 14 * panel["gridPos"]["w"] / 4 else 13
        part.text(
            0.5, 0.62, text, size=size, weight="bold", color=tone, ha="center", va="center", transform=part.transAxes
        )
        if len(found) > 1:
            part.text(0.5, 0.2, series.name, size=SMALL, color=INK, ha="center", va="center", transform=part.transAxes)


def draw_series(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> None:
    """Lines over time, their thresholds dashed, with a legend below."""
    defaults = panel["fieldConfig"]["defaults"]
    found = sorted((series for answer in answers for series in answer if not series.blank), key=lambda s: s.name)
    custom = defaults["custom"]
    if custom["stacking"]["mode"] == "normal":
        times = sorted({time for series in found for time in series.times})
        heights = [_on(series, times) for series in found]
        axes.stackplot(times, heights, colors=PALETTE, alpha=0.45, labels=[series.name for series in found])
    else:
        for series, tone in zip(found, PALETTE * (1 + len(found) // len(PALETTE)), strict=False):
            axes.plot(series.times, series.values, color=tone, linewidth=1.4, label=series.name)
    top = axes.get_ylim()[1] if any(any(_on(series, series.times)) for series in found) else 1.0
    if custom["thresholdsStyle"]["mode"] == "dashed":
        for step in defaults["thresholds"]["steps"][1:]:
            if step["value"] <= 2 * top:
                axes.axhline(step["value"], color=COLOURS[step["color"]], linestyle="--", linewidth=1)
                top = max(top, 1.1 * step["value"])
    axes.set_ylim(0, top)
    _scales(axes, defaults["unit"])
    _legend(axes, [series.name for series in found])


def _on(series: Series, times: Sequence[float]) -> list[float]:
    known = dict(zip(series.times, series.values, strict=True))
    return [value if math.isfinite(value := known.get(time, 0.0)) else 0.0 for time in times]


def _legend(axes: Axes, names: Sequence[str]) -> None:
    """The names below, in as many lines as they need; the axes give way."""
    handles = axes.get_legend_handles_labels()[0][:LEGEND_MAX]
    kept = [*names[:LEGEND_MAX]]
    if len(names) > LEGEND_MAX:
        kept[-1] = f"{kept[-1]}  (and {len(names) - LEGEND_MAX} more)"
    box = axes.get_window_extent()
    columns = max(1, min(len(kept), int(box.width / (24 + LETTER_PIXELS * max(map(len, kept))))))
    lines = math.ceil(len(kept) / columns)
    place = axes.get_position()
    taken = (4 + lines * LEGEND_PIXELS) / box.height * place.height
    axes.set_position((place.x0, place.y0 + taken, place.width, place.height - taken))
    below = -20 / (box.height - lines * LEGEND_PIXELS)
    axes.legend(
        handles, kept, loc="upper left", bbox_to_anchor=(-0.02, below), ncols=columns, fontsize=SMALL, frameon=False,
        labelcolor=INK, handlelength=1.2, columnspacing=1.2, labelspacing=0.25, borderpad=0, borderaxespad=0,
    )  # fmt: skip


def _scales(axes: Axes, unit: str) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=unit == "bool_yes_no"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))
    _times(axes)
    axes.grid(visible=True, color=FAINT, linewidth=0.8)


def _times(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, prune="both"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: f"{datetime.fromtimestamp(time, UTC):%H:%M:%S}"))
    axes.tick_params(labelsize=SMALL, colors=GREY, length=0)
    axes.margins(x=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_bars(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> None:
    """A bar for each series with its name before and its value behind it."""
    defaults = panel["fieldConfig"]["defaults"]
    found = [series for answer in answers for series in answer if not series.blank]
    axes.set_axis_off()
    longest = defaults.get("max") or max(series.last for series in found) or 1.0
    names = 0.36
    axes.set_xlim(0, 1)
    axes.set_ylim(len(found) - 0.4, -0.6)
    for line, series in enumerate(found):
        tone = colour(series.last, defaults["thresholds"])
        axes.barh(line, 0.98 - names - 0.15, left=names, height=0.66, color=FAINT)
        axes.barh(line, (0.98 - names - 0.15) * series.last / longest, left=names, height=0.66, color=tone, alpha=0.75)
        size = BODY if len(found) <= 10 else SMALL
        axes.text(names - 0.015, line, series.name, size=size, color=INK, ha="right", va="center")
        axes.text(
            0.995,
            line,
            shown(series.last, defaults["unit"]),
            size=size,
            color=tone,
            weight="bold",
            ha="right",
            va="center",
        )


def draw_heatmap(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> None:
    """How many observations fell between two bounds at each moment, the more the darker."""
    found = sorted((series for answer in answers for series in answer), key=lambda s: float(s.labels["le"]))
    times = sorted({time for series in found for time in series.times})
    below = [0.0] * len(times)
    lines = []
    for series in found:
        upto = _on(series, times)
        lines.append([max(0.0, more - less) for more, less in zip(upto, below, strict=True)])
        below = upto
    filled = [number for number, line in enumerate(lines) if max(line) > SEEN_MIN]
    first, last = max(0, filled[0] - 1), min(len(lines), filled[-1] + 2)
    axes.pcolormesh([*times, times[-1] + 1], range(last - first + 1), lines[first:last], cmap="Blues", rasterized=True)
    bounds = ["∞" if s.labels["le"] == "+Inf" else shown(float(s.labels["le"]), "s") for s in found[first:last]]
    axes.set_yticks([number + 1 for number in range(len(bounds))], bounds)
    _times(axes)


def draw_table(axes: Axes, panel: Mapping[str, Any], answers: Sequence[Sequence[Series]]) -> None:
    """A line for each combination of labels, with a column for each label and each query."""
    titles = [target["legendFormat"] for target in panel["targets"]]
    labels = list(dict.fromkeys(label for answer in answers for series in answer for label in series.labels))
    lines: dict[tuple[str, ...], dict[str, float]] = {}
    for title, answer in zip(titles, answers, strict=True):
        for series in answer:
            lines.setdefault(tuple(series.labels.get(label, "") for label in labels), {})[title] = series.last
    axes.set_axis_off()
    box = axes.get_window_extent()
    room = int(box.height / LINE_PIXELS) - 1
    axes.set_xlim(0, 1)
    axes.set_ylim(box.height, 0)
    widths = [max(len(label), *(len(key[i]) for key in lines)) for i, label in enumerate(labels)]
    widths += [max(6, len(title)) for title in titles]
    edges = [sum(widths[:i]) / sum(widths) for i in range(len(widths))]
    for edge, title in zip(edges, [*labels, *titles], strict=True):
        axes.text(edge, LINE_PIXELS / 2, title, size=BODY, weight="bold", color=COLOURS["blue"], va="center")
    for number, (key, values) in enumerate(sorted(lines.items())[:room], start=1):
        y = (number + 0.5) * LINE_PIXELS
        axes.axhline(y - LINE_PIXELS / 2, color=FAINT, linewidth=0.8)
        cells = [(text, INK) for text in key] + [_cell(panel, title, values.get(title)) for title in titles]
        for edge, (text, tone) in zip(edges, cells, strict=True):
            axes.text(edge, y, text, size=BODY, color=tone, va="center")
    if len(lines) > room:
        axes.text(1, box.height, f"and {len(lines) - room} more", size=SMALL, color=GREY, ha="right", va="bottom")


def _cell(panel: Mapping[str, Any], title: str, value: float | None) -> tuple[str, str]:
    """The text of a table's cell and its colour."""
    if value is None:
        return "", INK
    defaults = panel["fieldConfig"]["defaults"]
    own = {
        rule["id"]: rule["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == title
        for rule in override["properties"]
    }
    text = shown(value, own.get("unit", defaults["unit"]))
    return text, colour(value, own["thresholds"]) if "thresholds" in own else INK


DRAWN = {
    "stat": draw_stat,
    "timeseries": draw_series,
    "bargauge": draw_bars,
    "heatmap": draw_heatmap,
    "table": draw_table,
}
