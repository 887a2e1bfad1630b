"""The processes of an installation and the format that names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.host.procfile import PROCESSES, ProcfileError, parse, scaled


def test_procfile_names_the_packages_processes() -> None:
    """The repository's Procfile, which honcho reads, and the table that an installed package knows are equal."""
    text = Path(__file__).parents[2].joinpath("Procfile").read_text(encoding="utf-8")
    assert parse(text) == PROCESSES
    assert list(parse(text)) == list(PROCESSES)


def test_words_are_split_as_a_shell_does() -> None:
    """Quotes keep words together; comments and blank lines say nothing."""
    assert parse("# a comment\n\n web-1: serve 'two words' --port 80\n") == {
        "web-1": ("serve", "two words", "--port", "80")
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "names no process"),
        ("a: x\nnonsense\n", "Line 2 is not"),
        ("a: x\na: y\n", "Line 2 names the process 'a' a second time"),
        ("a: say 'x\n", "Line 1 has an unfinished"),
        ("a:\n", "Line 1 is not"),
    ],
)
def test_faults_name_their_line(text: str, fault: str) -> None:
    """What cannot be understood is refused with the number of its line."""
    with pytest.raises(ProcfileError, match=fault):
        parse(text)


def test_scale_numbers_the_processes() -> None:
    """Each process runs once unless a number says otherwise; none is a number too."""
    assert list(scaled({"a": ["x"], "b": ["y"], "c": ["z"]}, {"b": 2, "c": 0})) == ["a.1", "b.1", "b.2"]


@pytest.mark.parametrize(
    ("numbers", "fault"), [({"nobody": 2}, "no process 'nobody'; there are a"), ({"a": 65}, "0 to 64")]
)
def test_impossible_scale_is_refused(numbers: dict[str, int], fault: str) -> None:
    """Unknown names and numbers beyond the limit are refused."""
    with pytest.raises(ProcfileError, match=fault):
        scaled({"a": ["x"]}, numbers)
