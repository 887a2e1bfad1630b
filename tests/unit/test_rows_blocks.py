"""Cells read many at a time are those of the rows read one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders.fuzzing import fuzzing
from worker.core.rows import RowState
from worker.providers.port import Kind
from worker.rows.column_cells import ColumnCells
from worker.rows.dialect import Dialect
from worker.rows.errors import InputError
from worker.rows.limits import Limits
from worker.rows.plain import EMPTY_MARK, WITHHELD_MARK, keys_of
from worker.rows.reading import InputRows
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Small limits, so that made-up files reach them.
LIMITS = Limits(input_bytes_max=2_000, input_rows_max=30, columns_max=4, cell_bytes_max=80, row_characters_max=60)

_PIECES = st.sampled_from(["a", "é", "b@x.example", "x" * 30, "\U0001f600" * 12, ",", ",", '"', '""', " ", "\t"]) | (
    st.sampled_from(["\n", "\n", "\r\n", "\r", "\n\n", "\ufeff", "\0", "\x85", "\u2028"])
)
_CODECS = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])


def dialect_of(encoding: str, delimiter: str | None, *, header: bool, columns: int = 2, index: int = 0) -> Dialect:
    """A dialect with so many columns, of which one is to be read."""
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        column_index=index,
        column_name="a",
        columns=("a", "b", "c")[:columns],
        why="",
    )


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds up to the first error."""

    cells: list[str]
    ragged: int
    width: int
    size: int
    digest: str
    error: str


def read_rows(path: Path, dialect: Dialect) -> Read:
    """Read a file row by row."""
    found: list[list[str]] = []
    with InputRows(path, dialect, LIMITS) as rows:
        error = ended(found.append, rows)
        widths = [len(row) for row in found if len(row) not in (0, len(dialect.columns))]
        cells = [row[dialect.column_index] if dialect.column_index < len(row) else "" for row in found]
        return Read(cells, len(widths), max(widths, default=0), rows.bytes, rows.sha256, error)


def read_blocks(path: Path, dialect: Dialect, block_bytes: int) -> Read:
    """Read a file by blocks of so many bytes."""
    found: list[str] = []
    column = ColumnCells(dialect, LIMITS)
    with InputRows(path, dialect, LIMITS) as rows:
        error = ended(found.extend, rows.cells(column, block_bytes))
        return Read(found, column.ragged, column.width, rows.bytes, rows.sha256, error)


def ended(take: Callable[[list[str]], None], given: Iterable[list[str]]) -> str:
    """Take all that is given; the error at its end, if any."""
    try:
        for each in given:
            take(each)
    except InputError as error:
        return f"{type(error).__name__}: {error}"
    return ""


@fuzzing(400)
@given(
    text=st.lists(_PIECES, max_size=40).map("".join),
    codec=_CODECS,
    delimiter=st.sampled_from([",", ",", None, "\t", "x", " "]),
    header=st.booleans(),
    block_bytes=st.integers(1, 40),
    column=st.sampled_from([(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]),
)
@example(text='a,"b\n\nc"\r\nd', codec="utf-8", delimiter=",", header=False, block_bytes=6, column=(2, 1))
@example(text="a\r\nb\rc", codec="utf-8", delimiter=None, header=False, block_bytes=2, column=(1, 0))
@example(text="x" * 61 + "\r\n", codec="utf-8", delimiter=",", header=False, block_bytes=1, column=(1, 0))
@example(text="a,b\nc\nd,e\n", codec="utf-8", delimiter=",", header=False, block_bytes=40, column=(2, 0))
@example(text='"a""","b,"\r\n\n"c\nd",e\n', codec="utf-8", delimiter=",", header=False, block_bytes=40, column=(2, 0))
@example(text='a"b,c\n "d",e\n', codec="utf-8", delimiter=",", header=False, block_bytes=40, column=(2, 0))
def test_blocks_hold_the_cells_of_the_same_rows(
    *, text: str, codec: str, delimiter: str | None, header: bool, block_bytes: int, column: tuple[int, int]
) -> None:
    """Whatever the text, column and size of blocks: the same cells and digest; where one refuses, both do."""
    columns, index = column
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(text.encode(codec, "replace"))
        dialect = dialect_of(codec, delimiter, header=header, columns=columns, index=index)
        expected, found = read_rows(path, dialect), read_blocks(path, dialect, block_bytes)
    assert found.error == expected.error
    if not expected.error:
        assert found == expected


@fuzzing(200)
@given(content=st.lists(st.sampled_from([b"a", b"\xc3", b"\xa9", b"\n", b"\r\n"]), max_size=30).map(b"".join))
def test_bytes_that_are_no_text_are_refused_at_the_same_line(content: bytes) -> None:
    """Wherever a block ends, what cannot be decoded is found, and on its line."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(content)
        dialect = dialect_of("utf-8", ",", header=False)
        for block_bytes in (1, 2, 3, 7):
            assert read_blocks(path, dialect, block_bytes).error == read_rows(path, dialect).error


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
