"""A report as tables on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Grid

if TYPE_CHECKING:
    from tests.benchmarks.report import Cell, Figure, Report, Table

#: Characters of a line at least: narrower tables cannot be read.
WIDTH_CHARACTERS = 150


def print_report(report: Report) -> None:
    """Print everything that was measured, the figures with their goals last."""
    console = Console()
    console = Console(width=max(console.width, WIDTH_CHARACTERS))
    for table in report.tables:
        console.print(_grid(table))
    figures = Grid("measured", "value", "against", "ratio", "goal", "met", title=report.name, box=SIMPLE)
    for figure in report.figures:
        figures.add_row(*cells(figure))
    console.print(figures)


def cells(figure: Figure) -> list[str]:
    """What, value, compared with, ratio, goal, met: in words."""
    met = {None: "", True: "met", False: "not met"}[figure.met]
    against = "" if figure.against is None else f"{number(figure.against)} {figure.unit}".strip()
    value = f"{number(figure.value)} {figure.unit}".strip()
    return [figure.what, value, against, number(figure.ratio), figure.goal or "", met]


def number(cell: Cell) -> str:
    """A cell in words: numbers with their thousands apart, nothing for nothing."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.4g}" if isinstance(cell, float) else cell


def _grid(table: Table) -> Grid:
    grid = Grid(*table.columns, title=table.title, box=SIMPLE)
    for row in table.rows:
        grid.add_row(*map(number, row))
    return grid
