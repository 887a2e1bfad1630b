"""A report as a person reads it in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from tests.benchmarks.report import Cell, Report

#: Characters of a line at least: narrower tables cannot be read.
WIDTH_CHARACTERS = 150
#: What is said of a goal.
_VERDICTS = {True: "met", False: "not met", None: ""}


def print_report(report: Report) -> None:
    """Print the figures, then the tables behind them."""
    console = Console()
    console = Console(width=max(console.width, WIDTH_CHARACTERS))
    figures = Table(title=report.name, box=SIMPLE)
    for column in ("figure", "value", "against", "ratio", "goal", ""):
        figures.add_column(column)
    for figure in report.figures:
        against = "" if figure.against is None else f"{figure.against:,} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:,}"
        value = f"{figure.value:,} {figure.unit}"
        figures.add_row(figure.what, value, against, ratio, figure.goal or "", _VERDICTS[figure.met])
    console.print(figures)
    for table in report.tables:
        shown = Table(title=table.title, box=SIMPLE)
        for column in table.columns:
            shown.add_column(column)
        for row in table.rows:
            shown.add_row(*map(_text, row))
        console.print(shown)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int | float) and not isinstance(cell, bool) else str(cell)
