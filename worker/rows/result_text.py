"""The text of a result's rows, in each of its forms."""

from __future__ import annotations

import csv
import io
import re
from functools import partial
from typing import TYPE_CHECKING, Protocol

import orjson

from worker.rows.csv_rows import NO_DELIMITER
from worker.rows.formulas import unformulated
from worker.rows.raw_rows import LINE_BREAKS, row_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.rows.dialect import Dialect
    from worker.rows.result_form import ResultForm

#: What separates cells where the input has a single column without a delimiter.
USUAL_DELIMITER = ","
#: The line break of a row that has none in the input, being its last.
LINE_FEED = "\n"
#: How the cell of a whole line looks that is quoted already.
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
#: The byte order mark, where it is no beginning of a file.
_MARK = "\ufeff"


class TooManyCells(Exception):
    """A row has more cells than the input has columns."""


class ResultText(Protocol):
    """Makes lines of a result out of rows of the input, each with its line break."""

    def header(self, header: str | None, first_row: str) -> str:
        """What comes before all rows; `header` is the input's own, `first_row` any row of it."""

    def added(self, cells: Sequence[str]) -> str:
        """What `lines` adds to a row for the added cells, made once for all rows that get the same ones."""

    def lines(self, rows: Sequence[str], added: Sequence[str]) -> list[str]:
        """The lines for some rows, to each of which something is `added`. Raises `TooManyCells`."""


def result_text(form: ResultForm, dialect: Dialect, columns: Sequence[str]) -> ResultText:
    """What writes the rows of an input in a form; `columns` are all those of the result."""
    if form.format == "jsonl":
        return _JsonLines(dialect, columns, safe=form.spreadsheet_safe)
    return (_SafeCsv if form.spreadsheet_safe else _OwnCsv)(dialect, columns)


def result_delimiter(dialect: Dialect) -> str:
    """What separates the cells of a CSV result."""
    return dialect.delimiter or USUAL_DELIMITER


class _OwnCsv:
    """Each row as it stands in the input, with cells added."""

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._delimiter = result_delimiter(dialect)
        self._width = len(dialect.columns)
        self._columns = columns
        #: What every row has to have of them that needs no padding, and no parsing to be sure of that.
        self._delimiters = self._width - 1 if dialect.delimiter else -1
        self._is_whole = _whole_row(dialect.delimiter, self._width).fullmatch if dialect.delimiter else None

    def header(self, header: str | None, first_row: str) -> str:
        if header is None:
            return _csv_text(self._columns, self._delimiter) + _line_break(first_row)
        body, cells, line_break = self._body(header)
        # Columns beyond the header's own cells have names, too: padding would leave them without.
        added = _csv_text(self._columns[cells:], self._delimiter)
        return body + self._delimiter + added + line_break

    def added(self, cells: Sequence[str]) -> str:
        return self._delimiter + _csv_text(cells, self._delimiter)

    def lines(self, rows: Sequence[str], added: Sequence[str]) -> list[str]:
        delimiter, delimiters = self._delimiter, self._delimiters
        return [
            f"{body}{cells}{row[len(body) :] or LINE_FEED}"
            if (body := row.rstrip(LINE_BREAKS)).count(delimiter) == delimiters and '"' not in body
            else self._padded(row, cells)
            for row, cells in zip(rows, added, strict=True)
        ]

    def _padded(self, row: str, added: str) -> str:
        body, cells, line_break = self._body(row)
        return f"{body}{self._delimiter * (self._width - cells)}{added}{line_break}"

    def _body(self, row: str) -> tuple[str, int, str]:
        """The characters of a row's cells, how many cells they are, and the line break. Raises `TooManyCells`."""
        body = row.rstrip(LINE_BREAKS)
        line_break = row[len(body) :] or LINE_FEED
        if self._is_whole is None:
            return _as_cell(body), 1, line_break
        if self._is_whole(body):
            return body, self._width, line_break
        cells = _cells_in(body, self._delimiter)
        if cells > self._width:
            raise TooManyCells
        return body, cells, line_break


class _SafeCsv:
    """Each row's cells, written anew so that a spreadsheet runs none of them."""

    def __init__(self, dialect: Dialect, columns: Sequence[str]) -> None:
        self._dialect = dialect
        self._delimiter = result_delimiter(dialect)
        self._as_text = unformulated(self._delimiter)
        self._columns = columns

    def header(self, header: str | None, first_row: str) -> str:
        return self._text(self._columns) + _line_break(header or first_row)

    def added(self, cells: Sequence[str]) -> str:
        return self._delimiter + self._text(cells)

    def lines(self, rows: Sequence[str], added: Sequence[str]) -> list[str]:
        return [
            self._text(_padded_cells(row, self._dialect)) + cells + _line_break(row)
            for row, cells in zip(rows, added, strict=True)
        ]

    def _text(self, cells: Iterable[str]) -> str:
        return _csv_text([self._as_text(cell) for cell in cells], self._delimiter)


class _JsonLines:
    """An object for every row, with text under the name of every column."""

    def __init__(self, dialect: Dialect, columns: Sequence[str], *, safe: bool) -> None:
        self._dialect = dialect
        width = len(dialect.columns)
        self._own, self._added = columns[:width], columns[width:]
        self._as_text = unformulated(USUAL_DELIMITER) if safe else None

    def header(self, _header: str | None, _first_row: str) -> str:
        return ""

    def added(self, cells: Sequence[str]) -> str:
        return self._members(self._added, cells)

    def lines(self, rows: Sequence[str], added: Sequence[str]) -> list[str]:
        return [
            f"{{{self._members(self._own, _padded_cells(row, self._dialect))},{members}}}\n"
            for row, members in zip(rows, added, strict=True)
        ]

    def _members(self, names: Sequence[str], cells: Sequence[str]) -> str:
        """The members of an object without its braces."""
        texts = map(self._as_text, cells) if self._as_text else cells
        return orjson.dumps(dict(zip(names, texts, strict=True)))[1:-1].decode()


def _whole_row(delimiter: str, width: int) -> re.Pattern[str]:
    """Matches rows of so many cells, none of which has a quote but around it, and in pairs inside of these."""
    cell = rf'(?:"[^"]*+(?:""[^"]*+)*"|[^"{re.escape(delimiter)}]*+)'
    rest = rf"(?:{re.escape(delimiter)}{cell}){{{width - 1}}}"
    return re.compile(cell + rest)


def _cells_in(body: str, delimiter: str) -> int:
    """How many cells a row has; a blank one has one, which is empty."""
    if '"' not in body:
        return body.count(delimiter) + 1
    return len(next(csv.reader([body], delimiter=delimiter)))


def _padded_cells(row: str, dialect: Dialect) -> list[str]:
    """A row's cells, as many as there are columns. Raises `TooManyCells`."""
    width = len(dialect.columns)
    cells = row_cells(row, dialect)
    if len(cells) > width:
        raise TooManyCells
    return cells + [""] * (width - len(cells))


def _as_cell(line: str) -> str:
    """A whole line as the first cell of several: as it stands, or quoted where it would be read as more than one."""
    if '"' not in line and USUAL_DELIMITER not in line:
        return line
    if _QUOTED.fullmatch(line):
        return line
    (cell,) = next(csv.reader([line], delimiter=NO_DELIMITER))
    return '"' + cell.replace('"', '""') + '"'


def _csv_text(cells: Sequence[str], delimiter: str) -> str:
    """Cells as a row of CSV without a line break, quoted where they need it.

    That is all of them where one begins with U+FEFF, which readers take for no part of the text at a line's beginning.
    """
    text = delimiter.join(cells)
    marked = _MARK in text and any(cell.startswith(_MARK) for cell in cells)
    plain = text.count(delimiter) == len(cells) - 1 and not ('"' in text or "\n" in text or "\r" in text)
    if plain and text and not marked:
        return text
    quoted = io.StringIO(newline="")
    write = partial(csv.writer, quoted, delimiter=delimiter, lineterminator="\r\n")
    (write(quoting=csv.QUOTE_ALL) if marked else write()).writerow(cells)
    return quoted.getvalue()[:-2]


def _line_break(row: str) -> str:
    """The line break at the end of a row; a line feed where it has none."""
    return row[len(row.rstrip(LINE_BREAKS)) :] or LINE_FEED
