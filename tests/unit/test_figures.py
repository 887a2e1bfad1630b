"""The tables that tests fill: numbers of several processes are added up, and so are the rows."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from tests.builders.figures import added_up, lines_of, note_figures


def report(*figures: tuple[str, str, dict[str, int]], when: str = "call") -> SimpleNamespace:
    """A test's report that carries figures."""
    properties: list[tuple[str, object]] = []
    for table, row, numbers in figures:
        note_figures(lambda name, value: properties.append((name, value)), table, row, **numbers)
    return SimpleNamespace(when=when, user_properties=properties)


def test_numbers_of_several_tests_are_added_up_once() -> None:
    """A report of set-up or tear-down repeats the properties of its test, and is passed over."""
    part = ("points", "ipqs", {"runs": 2, "wrong": 0})
    tables = added_up([report(part), report(part), report(part, when="teardown"), object()])
    assert tables == {"points": {"ipqs": Counter(runs=4, wrong=0)}}


def test_a_table_has_every_row_and_the_sum_of_all() -> None:
    """Columns are aligned, and a number that a row does not have is none."""
    rows = {"b": Counter(runs=1_000), "a": Counter(runs=1, wrong=2)}
    assert lines_of(rows) == [
        "         runs  wrong",
        "a           1      2",
        "b       1,000      0",
        "in all  1,001      2",
    ]
