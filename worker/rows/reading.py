"""The rows of an input file, within limits, with the file measured on the way."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from worker.rows.csv_rows import CsvRows
from worker.rows.digest import MeasuredInput
from worker.rows.errors import (
    InputNotFound,
    InputTooLarge,
    InputUnreadable,
    TooManyRows,
)
from worker.rows.row_blocks import RowBlocks
from worker.rows.row_checks import check_row
from worker.rows.text_blocks import BLOCK_BYTES, TextBlocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.rows.column_cells import ColumnCells
    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits

#: Bytes read from the file at a time.
_READ_BYTES = 256 * 1024


class InputRows:
    """A context in which the rows of a file can be iterated over once, without its header.

    Every row of the file is there, blank ones too, each as the list of its cells. Raises `InputError`, which calls the
    file `name`, or by its file name.
    """

    def __init__(self, path: Path, dialect: Dialect, limits: Limits, name: str = "") -> None:
        self._path = path
        self._name = name or path.name
        self._dialect = dialect
        self._limits = limits
        #: Rows given so far; a row's number is counted from 1.
        self.rows = 0

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            raise InputNotFound(f"{self._name}: there is no such file; it was there before, put it back") from None
        except OSError as error:
            raise InputUnreadable(
                f"{self._name} cannot be read ({error.strerror}); check its permissions",
            ) from error
        self._measured = MeasuredInput(self._file)
        if self._path.stat().st_size > self._limits.input_bytes_max:
            self._file.close()
            raise self._too_large()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def bytes(self) -> int:
        """Size of what has been read; of the whole file once the rows are exhausted."""
        return self._measured.bytes

    @property
    def sha256(self) -> str:
        """Digest of what has been read; of the whole file once the rows are exhausted."""
        return self._measured.sha256

    def __iter__(self) -> Iterator[list[str]]:
        buffered = io.BufferedReader(self._measured, _READ_BYTES)
        text = io.TextIOWrapper(buffered, encoding=self._dialect.encoding, errors="strict", newline="")
        reader = CsvRows(text, self._dialect.delimiter, self._name, self._limits.row_characters_max)
        header_due = self._dialect.header
        with self._reading():
            for row in reader:
                check_row(row, reader, self._limits, self._name)
                self._check_bytes()
                if header_due and _is_filled(row):
                    header_due = False
                    continue
                self._count(1)
                yield row

    def cells(self, column: ColumnCells, block_bytes: int = BLOCK_BYTES) -> Iterator[list[str]]:
        """One cell of each row, in place of iterating over the rows: as many at a time as about `block_bytes` hold."""
        encoding, most = self._dialect.encoding, self._limits.row_characters_max
        with self._reading():
            for cells in self._cells(column, TextBlocks(self._measured, encoding, self._name, most, block_bytes)):
                self._check_bytes()
                self._count(len(cells))
                if cells:
                    yield cells

    def _cells(self, column: ColumnCells, texts: TextBlocks) -> Iterator[list[str]]:
        blocks = RowBlocks(texts, self._dialect.delimiter, self._name, self._limits)
        header_due = self._dialect.header
        for text in texts:
            cells = None if header_due else column.of_text(text)
            if cells is not None:
                yield cells
                continue
            for rows in blocks.of(text):
                header = next((at for at, row in enumerate(rows) if _is_filled(row)), None) if header_due else None
                if header is not None:
                    header_due = False
                    del rows[header]
                yield column.of_rows(rows)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputUnreadable(
                f"{self._name}: reading stopped after row {self.rows} ({error.strerror}); check the disk or mount",
            ) from error

    def _check_bytes(self) -> None:
        if self.bytes > self._limits.input_bytes_max:
            raise self._too_large()

    def _count(self, rows: int) -> None:
        self.rows += rows
        if self.rows > self._limits.input_rows_max:
            raise TooManyRows(
                f"{self._name}: there are more than the {self._limits.input_rows_max} rows allowed; split it, "
                "or see BULKVERIFY_INPUT_ROWS_MAX",
            )

    def _too_large(self) -> InputTooLarge:
        return InputTooLarge(
            f"{self._name}: there are more than the {self._limits.input_bytes_max} bytes allowed; split it, "
            "or see BULKVERIFY_INPUT_BYTES_MAX",
        )


def _is_filled(row: Iterable[str]) -> bool:
    return any(cell.strip() for cell in row)
