"""A plot with logarithmic axes as SVG: the same text for the same numbers, readable on light and dark pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Pixels: the picture's width, one panel with its axes, the area of its points, and a line of the legend.
PANEL_WIDTH, PANEL_HEIGHT = 460, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 32, 52
LEGEND_LINE = 20
#: Pixels: radius of a ring, and half the side of a square, which shows when it lies within a ring.
RADIUS, HALF_SIDE = 6, 3
#: Colours, first those that colour-blind readers tell apart (Okabe and Ito), in the order of use.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#8b0000", "#000000", "#7a5cd6")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind: a mark for each, or a line through all of them."""

    name: str
    points: Sequence[Point]
    #: Squares are of one group of series, and rings of the other.
    square: bool = False
    line: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a picture. Points that are not positive have no place on its axes and are left out."""

    title: str
    series: Sequence[Series]


def picture(panels: Sequence[Panel], *, across: str, up: str, about: str) -> str:
    """Panels side by side with the same axes, named `across` and `up`, and one legend below; `about` is their title."""
    names = list(dict.fromkeys(series.name for panel in panels for series in panel.series))
    columns = len(panels)
    height = PANEL_HEIGHT + LEGEND_LINE * (math.ceil(len(names) / columns) + 1)
    width = PANEL_WIDTH * columns
    root = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "font-family": "sans-serif",
            "font-size": "12",
        },
    )
    SubElement(root, "title").text = about
    SubElement(root, "rect", {"width": str(width), "height": str(height), "fill": "#ffffff"})
    points = [point for panel in panels for series in panel.series for point in _placed(series)]
    axes = _Axes.around(points)
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
    for number, panel in enumerate(panels):
        group = SubElement(root, "g", {"transform": f"translate({number * PANEL_WIDTH} 0)"})
        _draw_axes(group, axes, across, up)
        _text(group, LEFT, TOP - 12, panel.title, **{"font-weight": "bold"})
        for series in panel.series:
            _draw(group, axes, series, colours[series.name])
    shown = {series.name: series for panel in panels for series in panel.series}
    for number, name in enumerate(names):
        x = LEFT + (number % columns) * PANEL_WIDTH
        y = PANEL_HEIGHT + LEGEND_LINE * (number // columns + 1)
        _sample(root, shown[name], colours[name], x, y)
        _text(root, x + 18, y + 4, name)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


@dataclass(frozen=True, slots=True)
class _Axes:
    """Decades (powers of ten) that the axes span."""

    x_from: int
    x_to: int
    y_from: int
    y_to: int

    @classmethod
    def around(cls, points: Sequence[Point]) -> _Axes:
        """The fewest decades that hold all points."""
        spans = []
        for numbers in zip(*points, strict=True):
            low = math.floor(math.log10(min(numbers)))
            spans += [low, max(math.ceil(math.log10(max(numbers))), low + 1)]
        return cls(*spans)

    def place(self, point: Point) -> tuple[float, float]:
        """Pixels, to a tenth."""
        across = (math.log10(point[0]) - self.x_from) / (self.x_to - self.x_from)
        up = (math.log10(point[1]) - self.y_from) / (self.y_to - self.y_from)
        x = LEFT + across * (PANEL_WIDTH - LEFT - RIGHT)
        y = PANEL_HEIGHT - BOTTOM - up * (PANEL_HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)


def _placed(series: Series) -> Iterator[Point]:
    return (point for point in series.points if min(point) > 0)


def _draw_axes(group: Element, axes: _Axes, across: str, up: str) -> None:
    bottom, right = PANEL_HEIGHT - BOTTOM, PANEL_WIDTH - RIGHT
    for decade in range(axes.x_from, axes.x_to + 1):
        x, _ = axes.place((10.0**decade, 10.0**axes.y_from))
        _line(group, (x, TOP), (x, bottom))
        _text(group, x, bottom + 16, f"{10.0**decade:,g}", **{"text-anchor": "middle"})
    for decade in range(axes.y_from, axes.y_to + 1):
        _, y = axes.place((10.0**axes.x_from, 10.0**decade))
        _line(group, (LEFT, y), (right, y))
        _text(group, LEFT - 6, y + 4, f"{10.0**decade:,g}", **{"text-anchor": "end"})
    _text(group, (LEFT + right) / 2, bottom + 38, across, **{"text-anchor": "middle"})
    middle = (TOP + bottom) / 2
    _text(group, 16, middle, up, **{"text-anchor": "middle", "transform": f"rotate(-90 16 {middle:g})"})


def _draw(group: Element, axes: _Axes, series: Series, colour: str) -> None:
    places = [axes.place(point) for point in _placed(series)]
    if series.line:
        path = " ".join(f"{x:g},{y:g}" for x, y in places)
        SubElement(group, "polyline", {"points": path, "fill": "none", "stroke": colour, "stroke-width": "2"})
        return
    for place, point in zip(places, _placed(series), strict=True):
        mark = _mark(group, series, colour, *place)
        SubElement(mark, "title").text = f"{series.name}: {point[0]:,.3g} calls, {point[1]:,.3g} s"


def _sample(group: Element, series: Series, colour: str, x: float, y: float) -> None:
    if series.line:
        _line(group, (x - 6, y), (x + 8, y), stroke=colour, **{"stroke-width": "2"})
    else:
        _mark(group, series, colour, x, y)


def _mark(group: Element, series: Series, colour: str, x: float, y: float) -> Element:
    if series.square:
        size = str(2 * HALF_SIDE)
        corner = {"x": f"{x - HALF_SIDE:g}", "y": f"{y - HALF_SIDE:g}", "width": size, "height": size}
        return SubElement(group, "rect", {**corner, "fill": colour})
    ring = {"cx": f"{x:g}", "cy": f"{y:g}", "r": str(RADIUS), "fill": "none"}
    return SubElement(group, "circle", {**ring, "stroke": colour, "stroke-width": "2"})


def _line(group: Element, begin: Point, end: Point, **style: str) -> None:
    ends = {"x1": f"{begin[0]:g}", "y1": f"{begin[1]:g}", "x2": f"{end[0]:g}", "y2": f"{end[1]:g}"}
    SubElement(group, "line", {**ends, "stroke": "#dddddd", **style})


def _text(group: Element, x: float, y: float, words: str, **style: str) -> None:
    SubElement(group, "text", {"x": f"{x:g}", "y": f"{y:g}", "fill": "#222222", **style}).text = words
