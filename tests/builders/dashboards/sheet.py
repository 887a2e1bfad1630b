"""A picture on which places are given in pixels from its upper left corner, as Grafana's grid gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

#: Pixels of an inch, by which sizes of text are given.
DPI = 100
#: Colours of a picture, so that its file is small, and how many of them are those that most of its pixels have.
COLOURS_MAX, COLOURS_EXACT = 256, 160


class Sheet:
    """A page to draw on."""

    def __init__(self, width: int, height: int, background: str) -> None:
        self._width, self._height = width, height
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=background)

    def write(self, x: float, y: float, text: str, *, size: float, colour: str, bold: bool = False) -> None:
        """A line of text whose left end is at a place; `size` in points."""
        weight = "bold" if bold else "normal"
        self._figure.text(
            x / self._width, 1 - y / self._height, text, size=size, color=colour, weight=weight, va="center"
        )

    def frame(self, x: float, y: float, width: float, height: float, *, colour: str) -> None:
        """A white area with an edge."""
        left, below, w, h = self._share(x, y, width, height)
        area = Rectangle((left, below), w, h, facecolor="white", edgecolor=colour, zorder=-1)
        area.set_transform(self._figure.transFigure)
        self._figure.patches.append(area)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes without a background."""
        axes = self._figure.add_axes(self._share(x, y, width, height))
        axes.set_facecolor("none")
        return axes

    def save(self, path: Path) -> None:
        """Write the picture, with few colours."""
        self._figure.savefig(path)
        with Image.open(path) as picture:
            few = _with_few_colours(picture.convert("RGB"))
        few.save(path, optimize=True)

    def _share(self, x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
        """The place of an area in shares of the page, from its lower left corner."""
        below = self._height - y - height
        return x / self._width, below / self._height, width / self._width, height / self._height


def _with_few_colours(picture: Image.Image) -> Image.Image:
    """The picture with the colours that areas and lines have as they are, and the shades of text nearly so."""
    frequent = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)[:COLOURS_EXACT]
    exact = [part for _, colour in frequent if isinstance(colour, tuple) for part in colour]
    shades = picture.quantize(COLOURS_MAX - COLOURS_EXACT, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*exact, *shades])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
