"""Figures that tests come to, printed as tables when all tests have run, whichever process ran them.

Loaded as a plugin by `tests/conftest.py`. Numbers of the same table, row and column are added up.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.cli.tables import Column, plain_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

#: Name of the property by which a test's report carries its figures.
PROPERTY = "figures"
#: The row that adds up all others.
IN_ALL = "in all"

#: Tables by name, and their rows by name.
Tables = dict[str, dict[str, Counter[str]]]


def note_figures(record_property: Callable[[str, object], None], table: str, row: str, **numbers: int) -> None:
    """Have numbers printed in a row of a table. `record_property` is pytest's fixture."""
    record_property(PROPERTY, [table, row, numbers])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have noted."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    for name, rows in added_up(reports).items():
        terminalreporter.section(name)
        for line in lines_of(rows):
            terminalreporter.write_line(line)


def lines_of(rows: dict[str, Counter[str]]) -> list[str]:
    """A table as text, its rows by name and all of them added up."""
    names = list(dict.fromkeys(name for numbers in rows.values() for name in numbers))
    shown = [*sorted(rows.items()), (IN_ALL, sum(rows.values(), Counter[str]()))]
    cells = [[row, *(f"{numbers[name]:,}" for name in names)] for row, numbers in shown]
    columns = [Column(""), *(Column(name, right=True) for name in names)]
    return plain_lines(columns, [["", *(name.replace("_", " ") for name in names)], *cells])


def added_up(reports: Iterable[object]) -> Tables:
    """The tables of all reports of tests; their set-up and tear-down have reports of their own, with the same."""
    tables: Tables = {}
    for report in reports:
        for name, value in getattr(report, "user_properties", ()) if getattr(report, "when", "") == "call" else ():
            if name == PROPERTY:
                table, row, numbers = value
                tables.setdefault(table, {}).setdefault(row, Counter()).update(numbers)
    return tables
