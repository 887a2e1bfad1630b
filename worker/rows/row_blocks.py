"""The rows of a text, many at a time: the same rows and errors as of `CsvRows`, several times faster.

Each block of lines is read in the simplest way that is certain to be right for it: split at the delimiter where it has
no quote, by the csv module where it has, and row by row through `CsvRows` where anything is odd: a row that goes on in
the next block, a character that has to be refused, a row that may be beyond a limit.
"""

from __future__ import annotations

import csv
import io
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

from worker.rows.csv_rows import NO_DELIMITER, CsvRows
from worker.rows.row_checks import check_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.rows.limits import Limits
    from worker.rows.text_blocks import TextBlocks


class RowBlocks:
    """Reads the rows of texts, each row a list of cells; `name` is the file's name for messages."""

    def __init__(self, blocks: TextBlocks, delimiter: str | None, name: str, limits: Limits) -> None:
        self._blocks = blocks
        self._delimiter = delimiter
        self._name = name
        self._limits = limits
        #: A row of as many characters is within all limits: a character takes at most four bytes.
        self._safe_characters = min(limits.cell_bytes_max // 4, limits.row_characters_max, csv.field_size_limit()) - 2

    def of(self, text: str) -> Iterator[list[list[str]]]:
        """The rows of the latest block, and of those after it that a row goes on in, which are used up then.

        Raises what `CsvRows`, `TextBlocks` and `check_row` raise.
        """
        rows = self._rows(text)
        if rows is None or max(map(len, rows)) > self._limits.columns_max:
            yield from self._careful(text)
        else:
            yield rows

    def _rows(self, text: str) -> list[list[str]] | None:
        """The rows of a block; None where they need care."""
        if "\0" in text or "\ufeff" in text:
            return None
        if '"' in text or text.count("\r") != text.count("\r\n"):
            return self._parsed(text)
        lines = (text.replace("\r\n", "\n") if "\r" in text else text).split("\n")
        if not lines[-1]:
            lines.pop()
        if max(map(len, lines)) > self._safe_characters:
            return None
        delimiter = self._delimiter
        rows = [[line] for line in lines] if delimiter is None else [line.split(delimiter) for line in lines]
        if "" in lines:
            return [row if line else [] for row, line in zip(rows, lines, strict=True)]
        return rows

    def _parsed(self, text: str) -> list[list[str]] | None:
        """The rows of a block with quotes or lone CRs in it."""
        lines = io.StringIO(text, newline="")
        # A blank line after the block is a row without cells, unless a quote that is still open swallows it.
        try:
            rows = list(csv.reader(chain(lines, ("\n",)), delimiter=self._delimiter or NO_DELIMITER))
        except csv.Error:
            return None
        if rows.pop() or not rows:
            return None
        # In the text every character of a cell may be doubled, and the cell in quotes.
        longest = max(map(len, map("".join, rows))) * 2 + max(map(len, rows)) * 3
        return rows if longest <= self._safe_characters else None

    def _careful(self, text: str) -> Iterator[list[list[str]]]:
        """The rows of a block, and of those after it that a row goes on in, one by one."""
        lines = _Continued(text, self._blocks)
        reader = CsvRows(lines, self._delimiter, self._name, self._limits.row_characters_max, self._blocks.lines_before)
        with closing(reader):
            for row in reader:
                check_row(row, reader, self._limits, self._name)
                yield [row]
                if lines.exhausted:
                    return


class _Continued:
    """A block of text as lines that go on in the blocks after it, when asked for."""

    def __init__(self, text: str, blocks: TextBlocks) -> None:
        self._lines = io.StringIO(text, newline="")
        self._characters = len(text)
        self._blocks = blocks

    @property
    def exhausted(self) -> bool:
        """Whether the next line is that of another block."""
        return self._lines.tell() == self._characters

    def readline(self, size: int = -1, /) -> str:
        """See `worker.rows.csv_rows.Lines`."""
        if self.exhausted:
            text = next(self._blocks, "")
            self._lines = io.StringIO(text, newline="")
            self._characters = len(text)
        return self._lines.readline(size)
