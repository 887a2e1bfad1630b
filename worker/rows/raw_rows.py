"""The rows of an input as the characters they have, for what writes them again: nothing is parsed, nothing is lost.

The rows are those of `worker.rows.reading.InputRows`. Most blocks of a file say clearly where their rows end: every
double quote opens a cell as its first character, or closes one as its last, or is one of a pair in between. Then a line
break ends a row exactly when the quotes before it are even in number, and blocks are split without a look at each
character. A block that has any other quote is read once more through the csv module, which knows the rules.
"""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING, Self

from worker.rows.csv_rows import NO_DELIMITER
from worker.rows.digest import MeasuredInput
from worker.rows.errors import InputChanged, InputNotFound, InputUnreadable
from worker.rows.text_blocks import end_of_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits

#: Bytes read from the file at a time, and split together.
BLOCK_BYTES = 512 * 1024
#: What a row that is text has at its end, if anything.
LINE_BREAKS = "\r\n"


class RawRows:
    """A context in which the rows of a staged input can be iterated over once, in blocks, each row with its line break.

    The header is not among them: it is `header` as soon as it was passed, None before that and where there is none.
    Blank rows are there, also those before the header; a byte order mark is not. Text and digest are what the file
    holds; that the file is within limits was seen when it was staged. Raises `InputNotFound`, `InputUnreadable`, and
    `InputChanged` for what staging would have refused.
    """

    def __init__(self, path: Path, dialect: Dialect, limits: Limits) -> None:
        self._path = path
        self._dialect = dialect
        self._row_characters_max = limits.row_characters_max
        self._around = frozenset((dialect.delimiter or NO_DELIMITER) + LINE_BREAKS)
        self.header: str | None = None

    def __enter__(self) -> Self:
        name = self._path.name
        try:
            self._file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            raise InputNotFound(f"{name}: there is no such file; it was there before, put it back") from None
        except OSError as error:
            raise InputUnreadable(f"{name} cannot be read ({error.strerror}); check its permissions") from error
        self._measured = MeasuredInput(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Digest of what has been read; of the whole file once the rows are exhausted."""
        return self._measured.sha256

    def __iter__(self) -> Iterator[list[str]]:
        header_due = self._dialect.header
        for rows in self._blocks():
            if header_due and (place := self._first_with_text(rows)) is not None:
                header_due = False
                self.header = rows.pop(place)
            if rows:
                yield rows

    def _first_with_text(self, rows: list[str]) -> int | None:
        """The place of the first row that has a cell with more than white space in it: as a header, it is not blank."""
        places = (place for place, row in enumerate(rows) if any(cell.strip() for cell in self._cells(row)))
        return next(places, None)

    def _cells(self, row: str) -> list[str]:
        delimiter = self._dialect.delimiter or NO_DELIMITER
        return next(csv.reader([row.rstrip(LINE_BREAKS)], delimiter=delimiter), [])

    def _blocks(self) -> Iterator[list[str]]:
        """All rows; `rest` is the beginning of a row whose end has not been read yet."""
        rest = ""
        for text in self._texts():
            block = rest + text
            end = end_of_rows(block)
            rows = self._split(block[:end]) if end else None
            if rows is None:
                rows, end = self._split_carefully(block, last=False)
            rest = block[end:]
            if len(rest) > self._row_characters_max + BLOCK_BYTES:
                raise input_changed(self._path.name)
            yield rows
        rows, end = self._split_carefully(rest, last=True)
        if end < len(rest):
            raise input_changed(self._path.name)
        yield rows

    def _texts(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self._dialect.encoding)()
        buffered = io.BufferedReader(self._measured, BLOCK_BYTES)
        mark_due = True
        try:
            while data := buffered.read(BLOCK_BYTES):
                text = decoder.decode(data)
                if mark_due and text:
                    mark_due = False
                    text = text.removeprefix("\ufeff")
                yield text
            yield decoder.decode(b"", final=True)
        except UnicodeError:
            raise input_changed(self._path.name) from None
        except OSError as error:
            raise InputUnreadable(
                f"{self._path.name}: reading stopped ({error.strerror}); check the disk or mount",
            ) from error

    def _split(self, block: str) -> list[str] | None:
        """The rows of a block that ends with one, or None where it is not certain what its quotes mean."""
        lines = io.StringIO(block, newline="").readlines()
        if '"' not in block:
            return lines
        pieces = block.split('"')
        if not self._are_certain(pieces):
            return None
        quoted = "".join(pieces[1::2])
        return list(_joined(lines)) if "\n" in quoted or "\r" in quoted else lines

    def _are_certain(self, pieces: list[str]) -> bool:
        """Whether every piece outside of quotes ends where a cell begins, and begins where one ends.

        `pieces` lie between the quotes of a block. An empty one stands between the two quotes of a pair.
        """
        first, last = pieces[0], pieces[-1]
        between = set(pieces[2:-1:2]) - {""}
        return (
            (not first or first[-1] in self._around)
            and last[0] in self._around
            and all(piece[0] in self._around and piece[-1] in self._around for piece in between)
        )

    def _split_carefully(self, block: str, *, last: bool) -> tuple[list[str], int]:
        """The whole rows of a block, and where they end; with the `last` block, so does the file."""
        lines = io.StringIO(block, newline="").readlines()
        if not last and lines and not lines[-1].endswith("\n"):
            lines.pop()
        end, exhausted = 0, False

        def fed() -> Iterator[str]:
            nonlocal end, exhausted
            for line in lines:
                end += len(line)
                yield line
            exhausted = True

        rows, start = [], 0
        try:
            for _ in csv.reader(fed(), delimiter=self._dialect.delimiter or NO_DELIMITER):
                if exhausted:
                    break
                rows.append(block[start:end])
                start = end
        except csv.Error:
            raise input_changed(self._path.name) from None
        return rows, start


def input_changed(name: str) -> InputChanged:
    """The error for an input that is not as it was when it was staged."""
    return InputChanged(
        f"{name} is not the file that was staged (another SHA-256); put the original back, "
        "or send the new one as another upload",
    )


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Rows from lines: a line with an odd number of quotes begins a row that goes on, or ends it."""
    begun: list[str] = []
    for line in lines:
        odd = line.count('"') % 2
        if begun:
            begun.append(line)
            if odd:
                yield "".join(begun)
                begun.clear()
        elif odd:
            begun.append(line)
        else:
            yield line
