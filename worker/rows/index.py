"""The row index: for every row of an input, which of the values that were sent is its own.

One unsigned number of 32 bits, little-endian, for every row but the header, in order. A value's number counts from 0 in
the order of the values' first rows, which is the order in which they are sent: a row is the first with its value
exactly when its number is the count of different numbers before it. `EMPTY` and `WITHHELD` stand for rows without one.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.errors import RowIndexDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The number of a row without a value.
EMPTY = 2**32 - 1
#: The number of a row whose value was deliberately not sent.
WITHHELD = 2**32 - 2
#: Bytes of one number.
NUMBER_BYTES = 4
#: Numbers read at a time.
_BLOCK_NUMBERS = 64 * 1024
#: The array type of numbers.
_TYPECODE = "I"


class IndexWriter:
    """Writes a row index to a binary file, which stays open."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, numbers: array[int]) -> None:
        """Append the numbers of further rows, an array of the type `I`."""
        self._out.write(_little_endian(numbers).tobytes())


def read_index(source: BinaryIO) -> Iterator[array[int]]:
    """The numbers of all rows, in blocks. Raises `RowIndexDamaged` for a file that ends within a number."""
    while data := source.read(_BLOCK_NUMBERS * NUMBER_BYTES):
        if len(data) % NUMBER_BYTES:
            raise RowIndexDamaged(
                f"the row index ends within a number ({len(data) % NUMBER_BYTES} bytes are left over)"
            )
        yield _little_endian(array(_TYPECODE, data))


def _little_endian(numbers: array[int]) -> array[int]:
    """The same numbers in the order of bytes that the file has; on nearly all machines that is their own."""
    if sys.byteorder == "little":
        return numbers
    swapped = numbers[:]
    swapped.byteswap()
    return swapped
