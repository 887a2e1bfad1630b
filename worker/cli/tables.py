"""Tables and JSON on standard output: coloured and fitted on a terminal, plain and aligned everywhere else.

What producers and providers named (labels, messages) is shown as text: control characters are replaced, and markup is
not read.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Between two columns of a plain table.
GAP = "  "


class Column(NamedTuple):
    """The head of a column."""

    title: str
    #: Numbers stand to the right.
    right: bool = False


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """Print `value` as one indented JSON document, which is all that this command prints on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: Mapping[str, object]) -> None:
    """Print `value` as one line of JSON, for a command that prints a document for each of several things."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print `rows` under their columns' titles."""
    cells = [[_clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells)
        return
    for line in plain_lines(columns, [[column.title for column in columns], *cells]):
        click.echo(line)


def print_fields(fields: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; a value of `None` or `""` leaves its line out."""
    shown = [(name, _clean(value)) for name, value in fields if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{click.style(f'{name:<{width}}', dim=True)}{GAP}{value}")


def print_heading(text: str) -> None:
    """Print a line that begins a section."""
    click.echo("\n" + click.style(text, bold=True))


def plain_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """`rows` as aligned lines; the last column is not padded."""
    widths = [max((len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    return [
        GAP.join(
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def _print_rich(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _clean(cell: object) -> str:
    text = "-" if cell is None else str(cell)
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
