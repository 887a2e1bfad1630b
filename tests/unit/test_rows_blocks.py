"""Rows read many at a time are those read one by one."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.fuzzing import fuzzing
from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.dialect import Dialect
from worker.rows.errors import InputError
from worker.rows.limits import Limits
from worker.rows.plain import EMPTY_MARK, WITHHELD_MARK, keys_of
from worker.rows.reading import InputRows
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Small limits, so that made-up files reach them.
LIMITS = Limits(input_bytes_max=2_000, input_rows_max=30, columns_max=4, cell_bytes_max=80, row_characters_max=60)

_PIECES = st.sampled_from(["a", "é", "b@x.example", "x" * 30, "\U0001f600" * 12, ",", ",", '"', '""', " ", "\t"]) | (
    st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\ufeff", "\0", "\x85", "\u2028"])
)
_CODECS = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])


def dialect_of(encoding: str, delimiter: str | None, *, header: bool) -> Dialect:
    """A dialect with two columns."""
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        column_index=0,
        column_name="a",
        columns=("a", "b"),
        why="",
    )


def rows_and_end(rows: Iterable[list[str]]) -> tuple[list[list[str]], str]:
    """All rows up to the end or the first error, and that error."""
    found: list[list[str]] = []
    try:
        found.extend(rows)
    except InputError as error:
        return found, f"{type(error).__name__}: {error}"
    return found, ""


def read(path: Path, dialect: Dialect, block_bytes: int | None) -> tuple[list[list[str]], str, int, str]:
    """The rows of a file by blocks of so many bytes, or one by one; how that ended, and what was measured."""
    with InputRows(path, dialect, LIMITS) as rows:

        def in_blocks(block_bytes: int) -> Iterator[list[str]]:
            for block in rows.blocks(block_bytes):
                assert block
                yield from block

        found, error = rows_and_end(rows if block_bytes is None else in_blocks(block_bytes))
        return found, error, rows.bytes, rows.sha256


@fuzzing(400)
@given(
    text=st.lists(_PIECES, max_size=40).map("".join),
    codec=_CODECS,
    delimiter=st.sampled_from([",", ",", None, "\t", "x", " "]),
    header=st.booleans(),
    block_bytes=st.integers(1, 40),
)
@example(text='a,"b\n\nc"\r\nd', codec="utf-8", delimiter=",", header=False, block_bytes=6)
@example(text="a\r\nb\rc", codec="utf-8", delimiter=None, header=False, block_bytes=2)
@example(text="x" * 61 + "\r\n", codec="utf-8", delimiter=",", header=False, block_bytes=1)
def test_blocks_hold_the_same_rows(
    text: str, codec: str, delimiter: str | None, header: bool, block_bytes: int
) -> None:
    """Whatever the text, delimiter and size of blocks: the same rows, the same digest; where one refuses, both do."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(text.encode(codec, "replace"))
        dialect = dialect_of(codec, delimiter, header=header)
        rows, error, size, digest = read(path, dialect, None)
        block_rows, block_error, block_size, block_digest = read(path, dialect, block_bytes)
    assert block_error == error
    if not error:
        assert block_rows == rows
        assert (block_size, block_digest) == (size, digest)


@fuzzing(200)
@given(content=st.lists(st.sampled_from([b"a", b"\xc3", b"\xa9", b"\n", b"\r\n"]), max_size=30).map(b"".join))
def test_bytes_that_are_no_text_are_refused_at_the_same_line(content: bytes) -> None:
    """Wherever a block ends, what cannot be decoded is found, and on its line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        dialect = dialect_of("utf-8", ",", header=False)
        for block_bytes in (1, 2, 3, 7):
            assert read(path, dialect, block_bytes)[1] == read(path, dialect, None)[1]


_CELLS = st.one_of(
    st.sampled_from(["ann@example.com", "ann@Example.com", "a@b@C.d", "203.0.113.7", "203.0.113.07", "2001:DB8::1"]),
    st.sampled_from(
        ["https://x.example/Path?q", "HTTPS://x.example", "http://U@x.example#F", "http://X/", "x.example"]
    ),
    st.sampled_from(["+1 202 555 0143", " a ", "", "  ", "a  b", "a,b", '"', "a\nb", "\x7f", "é@x.example", "\u2028"]),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


@fuzzing(600)
@given(kind=st.sampled_from(Kind), cells=st.lists(_CELLS, max_size=12))
def test_keys_of_many_cells_are_those_of_each(kind: Kind, cells: list[str]) -> None:
    """Marks, keys and values are what the rules for one cell say, whatever stands beside it."""
    keys = keys_of(kind, cells)
    lines = keys.lines.split("\n")
    assert lines.pop() == ""
    expected = [row_value(kind, cell) for cell in cells]
    marks = {RowState.EMPTY: EMPTY_MARK, RowState.WITHHELD: WITHHELD_MARK}
    assert lines == [marks[state] if state else fold_key(kind, value) for value, state in expected]
    values = dict(enumerate(lines)) | dict(keys.spelled)
    assert all(values[at] == value for at, (value, state) in enumerate(expected) if state is None)
    assert (keys.empty, keys.withheld) == (lines.count(EMPTY_MARK), lines.count(WITHHELD_MARK))
