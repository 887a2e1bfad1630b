"""Rows as the characters they have: the splitter against the reader that staging uses."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders.row_by_row import RowByRow
from worker.rows import raw_rows
from worker.rows.csv_rows import NO_DELIMITER
from worker.rows.dialect import Dialect
from worker.rows.errors import InputChanged, InputError, InputNotFound
from worker.rows.limits import Limits
from worker.rows.raw_rows import RawRows

_PIECES = st.sampled_from(["a", "b@x.example", "é", "\u2028", "\x85", " ", ",", ";", '"', '""', "\n", "\r\n", "\r"])
_CELLS = st.sampled_from(["a", '"b"', '"c,d"', '"e""f"', '"g\nh"', '"i\r\nj"', '""', "", "k l", '"m\r"'])
#: Free text, where quotes mean anything, and tables as programs write them.
TEXTS = st.one_of(
    st.lists(_PIECES, max_size=40).map("".join),
    st.lists(
        st.tuples(st.lists(_CELLS, max_size=4).map(",".join), st.sampled_from(["\n", "\r\n", "\n", "\r"])).map("".join),
        max_size=20,
    ).map("".join),
)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "iso2022_jp"]


def dialect_of(encoding: str = "utf-8", delimiter: str | None = ",", *, header: bool = False) -> Dialect:
    """How a file is to be read."""
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        column_index=0,
        column_name="x",
        columns=("x",),
        why="",
    )


def cells_of(row: str, delimiter: str | None) -> list[str]:
    """What the csv module reads in the characters of one row."""
    return next(csv.reader([row.rstrip("\r\n")], delimiter=delimiter or NO_DELIMITER), [])


@settings(max_examples=600)
@given(
    text=TEXTS,
    encoding=st.sampled_from(ENCODINGS),
    mark=st.booleans(),
    delimiter=st.sampled_from([",", ";", None]),
    header=st.booleans(),
    block_bytes=st.sampled_from([1, 3, 7, 64, 4096]),
)
@example(text='a,5" pipe\nb,"x\ny"\n', encoding="utf-8", mark=False, delimiter=",", header=False, block_bytes=7)
@example(text='"a""\n"b"\n', encoding="utf-8", mark=False, delimiter=",", header=False, block_bytes=4096)
def test_rows_are_those_that_staging_reads(
    *, text: str, encoding: str, mark: bool, delimiter: str | None, header: bool, block_bytes: int
) -> None:
    """Whatever the text, its encoding and the blocks it comes in: the same rows, and together every character."""
    text = "\ufeff" * mark + text
    content = text.encode(encoding, "ignore")
    dialect = dialect_of(encoding, delimiter, header=header)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        try:
            with RowByRow(path, dialect, Limits()) as parsed:
                expected = list(parsed)
        except InputError:
            return
        if content.decode(encoding) == "\ufeff":
            # Nothing but a mark is one blank row there, and none here; staging refuses it, having no value.
            return
        with patch.object(raw_rows, "BLOCK_BYTES", block_bytes), RawRows(path, dialect, Limits()) as raw:
            rows = [row for rows in raw for row in rows]
    assert [cells_of(row, delimiter) for row in rows] == expected
    assert raw.sha256 == hashlib.sha256(content).hexdigest()
    if not header:
        assert "".join(rows) == content.decode(encoding).removeprefix("\ufeff")


def test_the_header_is_told_apart(tmp_path: Path) -> None:
    """The header is the first row that is not blank, with all its characters; blank rows before it are rows."""
    path = tmp_path / "list.csv"
    path.write_bytes(b'\n , \n"e ""mail""", n\r\na,1\r\n')
    with RawRows(path, dialect_of(header=True), Limits()) as raw:
        assert list(raw) == [["\n", " , \n", "a,1\r\n"]]
        assert raw.header == '"e ""mail""", n\r\n'


@pytest.mark.parametrize("content", [b"a\n\xff\n", b'a\n"b\n', b'"' + b"x" * 140_000 + b'"\n"'])
def test_what_staging_would_have_refused_is_another_file(tmp_path: Path, content: bytes) -> None:
    """Bytes of another encoding, a quote that never ends and a cell that is too long were not there before."""
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with RawRows(path, dialect_of(), Limits()) as raw, pytest.raises(InputChanged, match=r"list\.csv is not the file"):
        list(raw)


def test_a_quote_that_is_left_open_is_not_read_into_memory(tmp_path: Path) -> None:
    """Where a row is longer than any that is allowed, reading stops long before the end of the file."""
    path = tmp_path / "list.csv"
    path.write_bytes(b'"' + b"x\n" * 2_000_000)
    with RawRows(path, dialect_of(), Limits(row_characters_max=1_000)) as raw, pytest.raises(InputChanged):
        list(raw)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    """A staged input that was removed is said to be."""
    with (
        pytest.raises(InputNotFound, match=r"gone\.csv: there is no such file"),
        RawRows(tmp_path / "gone.csv", dialect_of(), Limits()),
    ):
        pass
