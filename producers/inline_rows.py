"""The rows of a request as the bytes of a file: written here once, so that client and intake agree on every byte.

The file is CSV in UTF-8 with one column and no header, a value on each line.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from producers.row_options import RowOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producers.request import UploadRequest

#: How that file is read: nothing is left to be found out.
INLINE_OPTIONS = RowOptions(column=0, header=False, delimiter=",", encoding="utf-8")
#: Characters that would be read as something else outside quotes.
_SPECIAL = frozenset(',"\ufeff')


def reading_options(request: UploadRequest) -> RowOptions:
    """How the list of a request is read: as the request says, and rows in the one way in which they are written."""
    return request.options if request.source.rows is None else INLINE_OPTIONS


def rows_as_file(rows: Sequence[str]) -> bytes:
    """One line for each value, ended by a line feed; values hold no line break (the contract sees to it)."""
    return "".join(f"{_cell(value)}\n" for value in rows).encode()


def rows_sha256(rows: Sequence[str]) -> str:
    """SHA-256, hexadecimal, of `rows_as_file`."""
    return hashlib.sha256(rows_as_file(rows)).hexdigest()


def _cell(value: str) -> str:
    """The value, in quotes where they are needed; an empty one too, or its line would have no cell."""
    if value and _SPECIAL.isdisjoint(value):
        return value
    doubled = value.replace('"', '""')
    return f'"{doubled}"'
