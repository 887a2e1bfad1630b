"""The rows of a result as delivery wrote them, whatever its format, one by one."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from worker.rows.csv_rows import CsvRows
from worker.rows.errors import InputError, ResultUnreadable
from worker.rows.formulas import unformulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from worker.rows.manifest import ResultSection

#: Characters of one row: those of an input's, and all columns of its verdict.
ROW_CHARACTERS_MAX = 16 * 1024 * 1024
#: Bytes read from the file at a time.
READ_BYTES = 256 * 1024


def read_result(source: io.RawIOBase, told: ResultSection) -> Iterator[Sequence[str]]:
    """The cells of each row of the result in `source`, without its header, in the order of the columns in `told`.

    A CSV's rows are given as they are, also with too few or too many cells. `source` may be closed at the end. Raises
    `ResultUnreadable` with the row (counted from 1, without the header) where reading ended.
    """
    if told.format not in _READERS:
        raise ResultUnreadable(
            f"the manifest tells the format {told.format[:20]!r}, which this program does not know; use the one that "
            "wrote the result",
        )
    text = io.TextIOWrapper(io.BufferedReader(source, READ_BYTES), encoding="utf-8", newline="")
    return _READERS[told.format](text, told)


class _ResultRows(CsvRows):
    """Rows that were written, not handed in: providers and results of earlier versions may have any character."""

    def _odd_line(self, number: int, line: str) -> str:
        return line.removeprefix("\ufeff") if number == 1 else line


def _csv(text: io.TextIOWrapper, told: ResultSection) -> Iterator[Sequence[str]]:
    rows = _ResultRows(text, told.delimiter, "result", ROW_CHARACTERS_MAX)
    number = 0
    try:
        header = next(rows, [])
        _check_columns(header, told, "the header")
        for row in rows:
            number += 1
            yield row
    except InputError as error:
        raise _ended(number + 1, f"as CSV ({error.reason})") from None


def _json_lines(text: io.TextIOWrapper, told: ResultSection) -> Iterator[Sequence[str]]:
    number = 0
    try:
        while line := text.readline(ROW_CHARACTERS_MAX):
            number += 1
            pairs = json.loads(line, object_pairs_hook=list)
            _check_columns([str(name) for name, _ in pairs], told, f"row {number}")
            yield [cell if isinstance(cell, str) else _no_text(number) for _, cell in pairs]
    except UnicodeDecodeError:
        raise _ended(number + 1, "as UTF-8") from None
    except (ValueError, TypeError, RecursionError):
        raise _ended(number, "as a JSON object") from None


#: By format.
_READERS: Mapping[str, Callable[[io.TextIOWrapper, ResultSection], Iterator[Sequence[str]]]] = {
    "csv": _csv,
    "jsonl": _json_lines,
}


def _check_columns(found: Sequence[str], told: ResultSection, where: str) -> None:
    """Raise `ResultUnreadable` with the first column that is not the one that was told, nor that made safe."""
    columns = list(told.columns)
    if told.spreadsheet_safe and found != columns:
        columns = [*map(unformulated(told.delimiter), columns)]
    if found == columns:
        return
    place = next(
        (i for i, (a, b) in enumerate(zip(found, columns, strict=False)) if a != b), min(len(found), len(columns))
    )
    raise ResultUnreadable(
        f"{where} has {len(found)} columns and the manifest tells {len(told.columns)}; "
        f"they differ from column {place + 1} on",
    )


def _ended(row: int, form: str) -> ResultUnreadable:
    return ResultUnreadable(f"row {row} cannot be read {form}, so that nothing is known of the rows after it")


def _no_text(row: int) -> str:
    raise ResultUnreadable(f"row {row} has a value that is no text")
