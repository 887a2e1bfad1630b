"""The row index: for every row of an input, in order, the number of the value that was sent for it.

A file of unsigned 32-bit little-endian numbers, one for each row (without the header; blank rows have one, too).
Values are numbered from 0 over the whole upload, in the order of their first rows: a row is the first of its value
exactly where its number is the count of different numbers before it. `EMPTY` and `WITHHELD` stand where nothing was
sent. Part k holds the numbers that follow those of part k - 1.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.errors import RowIndexDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In place of a number: the row has no value.
EMPTY = 2**32 - 1
#: In place of a number: the row's value is not sent.
WITHHELD = 2**32 - 2
#: Bytes of one number.
NUMBER_BYTES = 4
#: Rows that an index has room for at most: every number below `WITHHELD`.
INDEX_ROWS_MAX = WITHHELD
#: Bytes read at once.
_BLOCK_BYTES = 256 * 1024

_SWAPPED = sys.byteorder == "big"


class IndexWriter:
    """Writes an index to a binary file, which stays open."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        #: Rows written so far.
        self.rows = 0

    def write(self, numbers: array[int]) -> None:
        """Write the numbers (`array("I")`) of the next rows. Raises `OSError`."""
        if _SWAPPED:
            numbers = array("I", numbers)
            numbers.byteswap()
        data = memoryview(numbers).cast("B")
        while data:
            data = data[self._out.write(data) :]
        self.rows += len(numbers)


def read_index(source: BinaryIO) -> Iterator[array[int]]:
    """The numbers of an index, block by block. Raises `RowIndexDamaged` for what no staging can have written."""
    rows = sent = 0
    while block := source.read(_BLOCK_BYTES):
        if len(block) % NUMBER_BYTES:
            raise RowIndexDamaged(
                f"the row index ends within the number of row {rows + len(block) // 4 + 1}; {_REMEDY}"
            )
        numbers = array("I", block)
        if _SWAPPED:
            numbers.byteswap()
        sent = _sent_after(numbers, sent, rows)
        rows += len(numbers)
        yield numbers


_REMEDY = "stage the input again"


def _sent_after(numbers: array[int], sent: int, rows: int) -> int:
    """How many values are sent once these rows are done, of which `sent` were before; `rows` come before, too."""
    largest = max((number for number in numbers if number < WITHHELD), default=-1)
    if largest < sent:
        return sent
    for row, number in enumerate(numbers, start=rows + 1):
        if sent < number < WITHHELD:
            raise RowIndexDamaged(
                f"the row index has number {number} at row {row}, the highest can be {sent}; {_REMEDY}"
            )
        sent += number == sent
    return sent
