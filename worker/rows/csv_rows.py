"""The one reading of CSV that detection, staging and delivery share, so that all three see the same rows.

The rules, beyond those of the csv module (RFC 4180 quoting; rows end with LF, CRLF or CR):

- A double quote opens a quoted cell only as the cell's first character; anywhere else it is an ordinary character.
- A quoted cell that is still open at the end of the file is an error, never a cell: it has swallowed rows.
- A byte order mark at the beginning is no part of the first cell; at the beginning of a later line it is an error.
- A line without any character is a row without cells. NUL characters are refused.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Protocol

from worker.rows.encoding import not_in_encoding
from worker.rows.errors import CellTooLarge, EncodingUnclear, NotText, QuoteOpen

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The delimiter of a file with a single column: a character that no accepted file contains.
NO_DELIMITER = "\0"


class Lines(Protocol):
    """Text opened without newline translation."""

    def readline(self, size: int = -1, /) -> str:
        """The next line with its end, at most `size` characters of it; empty at the end of the file."""


class CsvRows:
    """An iterator over the rows of a text, each a list of cells; `name` is the file's name for messages.

    The text begins after `lines_before` lines of its file. Raises `NotText`, `EncodingUnclear`, `QuoteOpen` or
    `CellTooLarge`, each with the line where it went wrong.
    """

    def __init__(
        self, lines: Lines, delimiter: str | None, name: str, row_characters_max: int, lines_before: int = 0
    ) -> None:
        self._lines = lines
        self._name = name
        self._row_characters_max = row_characters_max
        self._reader = csv.reader(self._checked(), delimiter=delimiter or NO_DELIMITER)
        #: Line on which the latest row began, counted from 1.
        self.line = 0
        #: Characters of the latest row.
        self.row_characters = 0
        self._line_next = lines_before + 1
        self._ended = False

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        self.line = self._line_next
        self.row_characters = 0
        try:
            row = next(self._reader)
        except csv.Error as error:
            raise self._cell_too_large() from error
        if self._ended:
            raise QuoteOpen(
                f"{self._name}: a quoted cell in the row that begins on line {self.line} never ends; "
                "close the quote, or double a quote that belongs to the text",
            )
        return row

    def close(self) -> None:
        """Let go of the lines, which would otherwise stay in memory until garbage is collected."""
        # The csv module's reader holds this object, which holds the reader.
        self._reader = csv.reader(())

    def _checked(self) -> Iterator[str]:
        """Lines that the csv module may see."""
        while line := self._readline():
            number = self._line_next
            self._line_next += 1
            self.row_characters += len(line)
            if self.row_characters > self._row_characters_max:
                raise self._cell_too_large()
            if "\0" in line or line.startswith("\ufeff"):
                line = self._odd_line(number, line)
            yield line
        self._ended = True

    def _odd_line(self, number: int, line: str) -> str:
        """What is read of a line with NUL characters or a byte order mark. Raises `NotText`, `EncodingUnclear`."""
        if "\0" in line:
            # Every other byte of UTF-16 is a NUL where text is in Latin letters: the first one, or the second.
            codec = "utf-16-be" if line.startswith("\0") else "utf-16-le"
            raise NotText(
                f"{self._name}: line {number} holds a NUL character; remove it, or, "
                f"if the file is UTF-16 without a byte order mark, set options.encoding to {codec}",
            )
        if number > 1 and line.startswith("\ufeff"):
            raise EncodingUnclear(
                f"{self._name}: line {number} begins with a byte order mark, as where one file was appended to "
                "another; remove the mark, and the second header if there is one",
            )
        return line.removeprefix("\ufeff")

    def _readline(self) -> str:
        try:
            return self._lines.readline(self._row_characters_max + 1)
        except UnicodeDecodeError as error:
            line = self._line_next + bytes(error.object[: error.start]).count(b"\n")
            raise not_in_encoding(self._name, line, error) from None
        except UnicodeError as error:
            raise not_in_encoding(self._name, self._line_next, error) from None

    def _cell_too_large(self) -> CellTooLarge:
        return CellTooLarge(
            f"{self._name}: the row that begins on line {self.line} is too long (a cell may have "
            f"{csv.field_size_limit()} characters, a row {self._row_characters_max}); "
            "look for a double quote that opens a cell and is never closed",
        )
