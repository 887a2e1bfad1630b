"""Odd files: each is read row for row, or refused with the place and what to do; nothing is guessed in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from worker.providers.port import Kind
from worker.rows.dialect import Options
from worker.rows.errors import (
    CellTooLarge,
    ColumnNotFound,
    EncodingUnclear,
    InputError,
    NotText,
    NoValues,
    QuoteOpen,
    TooManyColumns,
)
from worker.rows.limits import Limits
from worker.rows.staging import Staged, stage

if TYPE_CHECKING:
    from pathlib import Path

LIST = "email\nann@example.com\nbob@example.com\n"
TABLE = "id,email\n1,a@x.example\n"
#: Rows from which on a file is longer than what detection looks at.
MANY = 30_000


def staged(folder: Path, content: bytes, options: dict[str, Any]) -> Staged:
    """What staging makes of a file with this content."""
    path = folder / "list.csv"
    path.write_bytes(content)
    return stage(
        path,
        folder,
        kind=Kind.EMAIL,
        options=Options(**options),
        limits=Limits(),
        rows_per_part=1_000_000,
        on_progress=lambda _rows: None,
    )


@pytest.mark.parametrize(
    ("content", "options", "counts"),
    [
        pytest.param(LIST.replace("\n", "\r").encode(), {}, (2, 0, 0, 2), id="only carriage returns"),
        pytest.param(b"email\r" + b"".join(b"u%d@x.example\r" % n for n in range(MANY)), {}, (MANY, 0, 0, MANY),
                     id="many carriage returns"),
        pytest.param(b"email\r\na@x.example\rb@x.example\nc@x.example", {}, (3, 0, 0, 3), id="mixed line ends"),
        pytest.param(LIST.encode("utf-16"), {}, (2, 0, 0, 2), id="utf-16 with a mark"),
        pytest.param(b"\xfe\xff" + LIST.encode("utf-16-be"), {}, (2, 0, 0, 2), id="utf-16-be with a mark"),
        pytest.param(LIST.encode("utf-16-le"), {"encoding": "utf-16-le"}, (2, 0, 0, 2), id="utf-16-le as asked"),
        pytest.param(LIST.encode("utf-16-be"), {"encoding": "utf-16-be"}, (2, 0, 0, 2), id="utf-16-be as asked"),
        pytest.param("é,email\n1,z@x.example\n".encode("cp1252"), {"encoding": "cp1252"}, (1, 0, 0, 1), id="cp1252"),
        pytest.param((TABLE + "2,  \n3,\u00a0\n4,\u2003\n5,\t\n6,\n7\n\n").encode(), {}, (8, 7, 0, 1), id="blanks"),
        pytest.param((TABLE + '2,"b@x\n.example"\n').encode(), {}, (2, 0, 1, 1), id="a line break in the value"),
        pytest.param((TABLE + '2,b"b@x.example\n3,"c"c@x.example\n').encode(), {}, (3, 0, 0, 3), id="stray quotes"),
        pytest.param(b"a@x.example,b@x.example\n", {"column": 1}, (1, 0, 0, 1), id="a column by its position"),
        pytest.param(b"email\na@x.example\n", {"header": False}, (2, 0, 0, 2), id="no header as asked"),
        pytest.param(b"a@x.example;1,2\n", {"delimiter": ";"}, (1, 0, 0, 1), id="a delimiter as asked"),
    ],
)  # fmt: skip
def test_what_can_be_read_is_read(
    tmp_path: Path, content: bytes, options: dict[str, Any], counts: tuple[int, int, int, int]
) -> None:
    """Rows, those without a value, those withheld and those sent add up, and how the file was read is told."""
    result = staged(tmp_path, content, options)
    assert (result.rows, result.empty, result.withheld, result.distinct) == counts
    why = result.dialect.why
    assert why.count("; ") >= len(("encoding", "delimiter", "header", "column")) - 1
    assert why.count("as asked") == len(options)


@pytest.mark.parametrize(
    ("content", "options", "error", "said"),
    [
        pytest.param(b"email\nann\0@x.example\n", {}, NotText, r"line 2 holds a NUL.*remove it", id="a nul"),
        pytest.param(LIST.encode("utf-16-le"), {}, NotText, r"line 1 .*to utf-16-le$", id="utf-16-le without a mark"),
        pytest.param(LIST.encode("utf-16-be"), {}, NotText, r"line 1 .*to utf-16-be$", id="utf-16-be without a mark"),
        pytest.param(LIST.encode("utf-16")[:-1], {}, EncodingUnclear, r"line 3 is not valid utf-16", id="half a unit"),
        pytest.param(b"email\n\x81@x.example\n", {"encoding": "cp1252"}, EncodingUnclear,
                     r"line 2 is not valid text in its encoding; set options\.encoding", id="not cp1252"),
        pytest.param(b"email\n" + b"x" * 1_100_000, {}, CellTooLarge, r"line 2 is too long", id="a long line"),
        pytest.param(b"x" * 1_100_000, {}, CellTooLarge, r"line 1 is too long", id="one long line"),
        pytest.param(TABLE.encode() + b'2,"' + b"x\n" * 600_000, {}, CellTooLarge, r"line 3 .*quote", id="a long row"),
        pytest.param(",".join(f"c{n}" for n in range(10_000)).encode() + b"\n", {"column": 3}, TooManyColumns,
                     r"line 1 has 10000 cells, the most is 1000; drop columns", id="ten thousand columns"),
        pytest.param(b"email,n\n" + b"a@x.example,1\n" * MANY + b"," * 9_999 + b"\n", {}, TooManyColumns,
                     rf"line {MANY + 2} has 10000 cells", id="ten thousand columns far into the file"),
        pytest.param(b"\n \n\t\n\n", {}, NoValues, r"no email to verify.*check the file", id="only blank rows"),
        pytest.param(b"id,email\n,\n,\n", {}, NoValues, r"in any of its 2 rows", id="only empty cells"),
        pytest.param(TABLE.encode() + b'2,"b@x.example\n3,c@x.example\n', {}, QuoteOpen,
                     r"begins on line 3 never ends; close the quote", id="an open quote at the end"),
        pytest.param(TABLE.encode(), {"column": 2}, ColumnNotFound, r"'email' \(position 1\)", id="no such position"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, options: dict[str, Any], error: type[InputError], said: str
) -> None:
    """The refusal names the file, the place and the remedy."""
    with pytest.raises(error, match=rf"(?s)^list\.csv: .*{said}"):
        staged(tmp_path, content, options)
