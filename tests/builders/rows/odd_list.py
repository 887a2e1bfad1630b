"""A list of any length in which every row is known: what stands in it, to the byte, and what becomes of it.

Among the rows are values that stood before, blank ones, rows without a cell and with too few, malformed values, quoted
line breaks and quotes. They follow from a row's number alone, so that a list of ten million is never held anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from worker.core.rows import RowState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = "email,name,note"
#: Rows between two calls of `told`.
PROGRESS_ROWS = 20_000
#: Bytes written or read at a time.
_BUFFER_BYTES = 1024 * 1024


def value_of(number: int) -> str:
    """The value of a row, counted from 0; empty where there is none."""
    if number % 10 == 3:
        return value_of(number - 3)
    if number % 50 == 7 or number % 2003 == 13:
        return ""
    if number % 997 == 5:
        return f"no address {number}"
    return f"person{number}@example{number % 97}.com"


def row_of(number: int) -> str:
    """The characters of a row, without its line end."""
    value = value_of(number)
    if number % 2003 == 13 and not value:
        return ""
    if number % 1009 == 17:
        return value or ",,"
    if number % 1000 == 11:
        return f'{value},Zoé {number},"said ""no"", then;\nleft"'
    return f"{value},Zoé {number}, {number}"


def state_of(number: int) -> RowState:
    """What becomes of a row when every value gets a verdict."""
    if not value_of(number):
        return RowState.EMPTY
    return RowState.FOLDED if number % 10 == 3 else RowState.MATCHED


def write_list(path: Path, rows: int, told: Callable[[int], None]) -> None:
    """Write a list of so many rows; `told` gets the number written so far."""
    with path.open("wb", buffering=_BUFFER_BYTES) as file:
        file.write(f"{HEADER}\n".encode())
        for number in range(rows):
            file.write(f"{row_of(number)}\n".encode())
            if number % PROGRESS_ROWS == 0:
                told(number)


def first_difference(result: BinaryIO, rows: int, told: Callable[[int], None]) -> str | None:
    """What is wrong in a result of `write_list`, in words: each row's own bytes, then its state; `None`: nothing."""
    if not result.readline().startswith(f"{HEADER},bv_row,".encode()):
        return "the header is another one"
    for number in range(rows):
        row = row_of(number).encode()
        found = result.read(len(row)) + result.readline()
        # A row that has too few cells is filled up before what is added begins.
        added = found[len(row) :].lstrip(b",")
        if not found.startswith(row) or not added.startswith(f"{state_of(number)},".encode()):
            return f"row {number + 1:,} is not the input's with the state {state_of(number)}"
        if number % PROGRESS_ROWS == 0:
            told(number)
    return "there are more rows than in the list" if result.read(1) else None
