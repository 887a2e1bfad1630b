"""Tables, fields and JSON on standard output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from worker.cli.tables import Column, print_fields, print_json, print_table

if TYPE_CHECKING:
    import pytest

COLUMNS = (Column("id"), Column("rows", right=True), Column("reason"))


def test_a_plain_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, columns are padded to their widest cell, numbers stand right, and no line ends in spaces."""
    print_table(COLUMNS, [("a", 1_000, ""), ("longer", 2, "held"), ("b", None, "x")])
    assert capsys.readouterr().out.splitlines() == [
        "id      rows  reason",
        "a       1000",
        "longer     2  held",
        "b          -  x",
    ]


def test_a_terminal_gets_a_table_without_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the same cells are shown, and what looks like markup is text."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    print_table(COLUMNS, [("[bold]a[/bold]", 1, "why")])
    assert "[bold]a[/bold]" in capsys.readouterr().out


def test_what_others_named_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of a cell are replaced, and line breaks become spaces."""
    print_table((Column("label"),), [("a\x1b[2Jb\nc",)])
    print_fields([("label", "a\x1b[2Jb\nc")])
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert out.count("a\ufffd[2Jb c") == 2


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A value of nothing has no line; zero has one."""
    print_fields([("label", ""), ("lease", None), ("rows", 0)])
    assert capsys.readouterr().out == "rows  0\n"


def test_json_keeps_every_letter(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is one document, and other alphabets stay readable."""
    print_json({"label": "наша"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"label": "наша"}
    assert "наша" in out
