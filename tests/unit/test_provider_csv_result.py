"""Result files in CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from worker.providers.csv_result import check_csv, read_csv, value_column
from worker.providers.errors import Malformed

if TYPE_CHECKING:
    from pathlib import Path


def result(folder: Path, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / "all.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_header_and_rows(tmp_path: Path) -> None:
    """A byte-order mark, blank lines, quoted commas, quotes and line ends are read as CSV means them."""
    path = result(tmp_path, '\ufeffemail,"a b"\r\n\r\n"x,1","say ""hi""\nthere"\r\n')
    assert list(read_csv(path)) == [["email", "a b"], ["x,1", 'say "hi"\nthere']]
    assert check_csv(path, length_known=False) == 1


def test_repeated_names_stay_apart(tmp_path: Path) -> None:
    """No column hides another of the same name."""
    assert next(read_csv(result(tmp_path, "a,b,a,a_2,a\n"))) == ["a", "b", "a_2", "a_2_2", "a_3"]


def test_odd_bytes_do_not_hold_back_a_result(tmp_path: Path) -> None:
    """A byte that is not UTF-8 becomes a replacement character."""
    assert list(read_csv(result(tmp_path, b"email,org\na@example.com,\xe9\n")))[1] == ["a@example.com", "\ufffd"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\n\n",
        "email,valid\na@example.com\n",
        "email,valid\na@example.com,true,extra\n",
        'email,valid\na@example.com,"tru',
        'email,valid\na@example.com,"true"x\n',
        "email,valid\na@example.com," + "x" * 200_000 + "\n",
    ],
)
def test_damage_is_malformed(tmp_path: Path, content: str) -> None:
    """Empty files, ragged rows, stray or open quotes and endless cells are reported, in words of our own."""
    with pytest.raises(Malformed, match=r"all\.csv") as caught:
        check_csv(result(tmp_path, content), length_known=True)
    assert caught.value.__context__ is None


def test_an_end_without_line_end_counts_only_with_a_known_length(tmp_path: Path) -> None:
    """Where HTTP declared the length, the last line needs no end."""
    path = result(tmp_path, "email,valid\na@example.com,true")
    assert check_csv(path, length_known=True) == 1
    with pytest.raises(Malformed, match="cut off"):
        check_csv(path, length_known=False)


@pytest.mark.parametrize(
    ("header", "index"),
    [
        (["valid", " EMAIL ", "email"], 1),
        (["something", "valid"], 0),
        (["valid", "input"], 1),
    ],
)
def test_the_value_column(header: list[str], index: int) -> None:
    """The first column with a known name, whatever its case, else the first of all."""
    assert value_column(header, ("email", "input")) == index
