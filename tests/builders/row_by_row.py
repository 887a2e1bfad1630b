"""The plain way to read an input, which faster ways are compared with."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from worker.rows.csv_rows import CsvRows
from worker.rows.reading import InputRows
from worker.rows.row_checks import check_row

if TYPE_CHECKING:
    from collections.abc import Iterator


class RowByRow(InputRows):
    """An input whose rows can be iterated over once, without its header: each a list of cells, blank ones too."""

    def __iter__(self) -> Iterator[list[str]]:
        buffered = io.BufferedReader(self._measured)
        text = io.TextIOWrapper(buffered, encoding=self._dialect.encoding, errors="strict", newline="")
        reader = CsvRows(text, self._dialect.delimiter, self._name, self._limits.row_characters_max)
        header_due = self._dialect.header
        with self._reading():
            for row in reader:
                check_row(row, reader, self._limits, self._name)
                self._check_bytes()
                if header_due and any(cell.strip() for cell in row):
                    header_due = False
                    continue
                self._count(1)
                yield row
