"""The rows of an input file, within limits, with the file measured on the way."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Self

from worker.rows.csv_rows import CsvRows
from worker.rows.digest import MeasuredInput
from worker.rows.errors import (
    CellTooLarge,
    InputNotFound,
    InputTooLarge,
    InputUnreadable,
    TooManyColumns,
    TooManyRows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
        try:
            for row in reader:
                self._check(row, reader)
                if header_due and any(cell.strip() for cell in row):
                    header_due = False
                    continue
                self._count()
                yield row
        except OSError as error:
            raise InputUnreadable(
                f"{self._name}: reading stopped after row {self.rows} ({error.strerror}); check the disk or mount",
            ) from error

    def _check(self, row: list[str], reader: CsvRows) -> None:
        limits = self._limits
        if len(row) > limits.columns_max:
            raise TooManyColumns(
                f"{self._name}: the row on line {reader.line} has {len(row)} cells, the most is "
                f"{limits.columns_max}; drop columns, or set options.delimiter if cells were split wrongly",
            )
        # A character takes at most four bytes: a short row cannot hold a cell that is too large.
        if reader.row_characters * 4 > limits.cell_bytes_max:
            largest = max((len(cell.encode()) for cell in row), default=0)
            if largest > limits.cell_bytes_max:
                raise CellTooLarge(
                    f"{self._name}: the row on line {reader.line} has a cell of {largest} bytes, the most is "
                    f"{limits.cell_bytes_max}; shorten it, or close a quote that was left open",
                )
        if self.bytes > limits.input_bytes_max:
            raise self._too_large()

    def _count(self) -> None:
        self.rows += 1
        if self.rows > self._limits.input_rows_max:
            raise TooManyRows(
                f"{self._name}: there are more than the {self._limits.input_rows_max} rows allowed; split it, "
                "or raise the limit",
            )

    def _too_large(self) -> InputTooLarge:
        return InputTooLarge(
            f"{self._name}: there are more than the {self._limits.input_bytes_max} bytes allowed; split it, "
            "or raise the limit",
        )
