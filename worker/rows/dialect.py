"""How an input is read: decided once from its beginning and the request's options, then kept with the upload."""

from __future__ import annotations

import codecs
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from worker.rows.columns import find_column, find_header, named_column
from worker.rows.delimiter import find_delimiter, sample_rows
from worker.rows.encoding import find_encoding, not_in_encoding, refuse_document
from worker.rows.errors import HeaderUnclear, InputNotFound, InputUnreadable
from worker.rows.values import looks_like

if TYPE_CHECKING:
    from pathlib import Path

    from worker.providers.port import Kind

#: Bytes of the input's beginning that detection looks at.
SAMPLE_BYTES = 256 * 1024
#: How an input is read of whose dialect only what is unusual was kept.
USUAL = {"encoding": "utf-8", "delimiter": ",", "column_index": 0, "why": ""}


class Options(BaseModel):
    """What a request says about its input; `None` leaves it to detection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The value column: its name, or its position counted from 0.
    column: str | int | None = None
    #: Whether the first row holds column names.
    header: bool | None = None
    #: One character.
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    #: The name of an encoding that Python knows.
    encoding: str | None = Field(default=None, min_length=1, max_length=40)
    #: Whether values that cannot be of the kind are withheld; nothing to do with reading, and decided with it.
    screen: bool = False

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '"\r\n\0':
            raise ValueError("a delimiter is one character such as ',' or ';', and no quote, line break or NUL")
        return delimiter


class Dialect(BaseModel):
    """How an input is read, and why so. It is kept with the upload, where a newer program may add to it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    #: A codec name of Python.
    encoding: str
    #: `None`: a single column, whole lines are its cells.
    delimiter: str | None
    #: Whether the first row that is not blank holds the column names.
    header: bool
    #: Counted from 0.
    column_index: int
    column_name: str
    #: All columns: the header's cells as they are, `column_<n>` for those without a header cell. Once the list was
    #: read, those of its longest row, too.
    columns: tuple[str, ...]
    #: The decisions in words, for the timeline.
    why: str

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, fields: object) -> object:
        return USUAL | fields if isinstance(fields, dict) else fields

    def widened(self, width: int) -> Dialect:
        """The same dialect with at least `width` columns, for rows that are longer than those seen first."""
        return self.model_copy(update={"columns": _named(self.columns, width)})


def plain_values(kind: Kind) -> Dialect:
    """The dialect of one column of values in UTF-8 without a header, whatever the values look like."""
    return Dialect(
        encoding="utf-8",
        delimiter=",",
        header=False,
        column_index=0,
        column_name=kind.value,
        columns=(kind.value,),
        why="values as they stood in the request",
    )


def detect(path: Path, kind: Kind, options: Options, name: str = "") -> Dialect:
    """The dialect of the file at `path`, from its first `SAMPLE_BYTES`; the options win over what is seen.

    An input without any row passes: staging says that it is empty. Raises `InputError`, which calls the input `name`,
    or by its file name.
    """
    name = name or path.name
    start = _start_of(path, name)
    encoding, why_encoding = find_encoding(start, name, options.encoding)
    text = _decoded(start, encoding, name)
    refuse_document(text, name)
    if options.delimiter is None:
        delimiter, why_delimiter = find_delimiter(text, kind, name)
    else:
        delimiter, why_delimiter = options.delimiter, f"delimiter {options.delimiter!r} as asked"
    rows = sample_rows(text, delimiter, name)
    header, why_header = _header(rows, kind, options)
    width = max(map(len, rows), default=1)
    columns = _named(tuple(rows[0]) if header and rows else (), width)
    if not rows:
        index, why_column = 0, "no rows"
    elif options.column is not None:
        index, why_column = named_column(options.column, columns, kind, name)
    else:
        index, why_column = find_column(rows[header:], columns, kind, name, header=header)
    if options.header and rows and looks_like(kind, columns[index]):
        raise HeaderUnclear(
            f"{name}: options.header is true, but where column {index} should be named (counted from 0) the first "
            f"row has what looks like {kind.value}; leave options.header out, or set it to false"
        )
    if not header:
        columns = (*columns[:index], kind.value, *columns[index + 1 :])
    # Rows that are longer than most add columns when they are read, wherever in the file they are.
    columns = columns[: max(_own_width(rows, header=header), index + 1)]
    return Dialect(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        column_index=index,
        column_name=columns[index],
        columns=columns,
        why=f"{why_encoding}; {why_delimiter}; {why_header}; {why_column}",
    )


def _start_of(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(SAMPLE_BYTES)
    except FileNotFoundError:
        raise InputNotFound(f"{name}: there is no such file; check the path and that it is shared") from None
    except OSError as error:
        raise InputUnreadable(f"{name} cannot be read ({error.strerror}); check its permissions") from error


def _decoded(start: bytes, encoding: str, name: str) -> str:
    """The text of a sample, without the row that the end of the sample may have cut."""
    whole = len(start) < SAMPLE_BYTES
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start, final=whole)
    except UnicodeDecodeError as error:
        raise not_in_encoding(name, start.count(b"\n", 0, error.start) + 1, error) from None
    except UnicodeError as error:
        raise not_in_encoding(name, 1, error) from None
    text = text.removeprefix("\ufeff")
    return text if whole else text[: text.rfind("\n") + 1] or text


def _header(rows: list[list[str]], kind: Kind, options: Options) -> tuple[bool, str]:
    if options.header is not None:
        return options.header, f"{'header' if options.header else 'no header'} as asked"
    column = options.column
    if isinstance(column, str) and any(cell.strip().lower() == column.strip().lower() for cell in chain(*rows[:1])):
        return True, "header (the first row has the column that was asked for)"
    return find_header(rows, kind) if rows else (False, "no header")


def _own_width(rows: list[list[str]], *, header: bool) -> int:
    """Columns of a list: those that its header has or, if they are more, those that most of its rows have."""
    counts = Counter(len(row) for row in rows if row)
    usual = max(counts, key=lambda width: (counts[width], -width), default=1)
    return max(usual, len(rows[0]) if header and rows else 1)


def _named(columns: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The columns, and `column_<n>` for every further one up to `width`."""
    return (*columns, *(f"column_{n}" for n in range(len(columns) + 1, width + 1)))
