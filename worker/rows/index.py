"""The row index: for every row of an input, in order, the number of the value that was sent for it.

A file of unsigned 32-bit little-endian numbers, one for each row (without the header; blank rows have one, too), and
behind them their SHA-256: a number that changed on a disk would give its row another value's verdict. Values are
numbered from 0 over the whole upload, in the order of their first rows: a row is the first of its value exactly where
its number is the count of different numbers before it. `EMPTY` and `WITHHELD` stand where nothing was sent. Part k
holds the numbers that follow those of part k - 1.
"""

from __future__ import annotations

import hashlib
import os
import sys
from array import array
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.errors import RowIndexDamaged
from worker.rows.scratch import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: In place of a number: the row has no value.
EMPTY = 2**32 - 1
#: In place of a number: the row's value is not sent.
WITHHELD = 2**32 - 2
#: Bytes of one number.
NUMBER_BYTES = 4
#: Bytes of the digest at the end.
_DIGEST_BYTES = hashlib.sha256().digest_size
#: Bytes read at once.
_BLOCK_BYTES = 256 * 1024

_SWAPPED = sys.byteorder == "big"


def index_bytes(rows: int) -> int:
    """The size of an index of so many rows, bytes."""
    return rows * NUMBER_BYTES + _DIGEST_BYTES


def index_digest(path: Path) -> str:
    """What a finished index says that its digest is, hexadecimal. Raises `OSError`."""
    with path.open("rb") as file:
        file.seek(-_DIGEST_BYTES, os.SEEK_END)
        return file.read().hex()


class IndexWriter:
    """Writes an index to a binary file, which stays open. It is an index once it is finished. Raises `OSError`."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        #: Rows written so far.
        self.rows = 0

    def write(self, numbers: array[int]) -> None:
        """Write the numbers (`array("I")`) of the next rows."""
        if _SWAPPED:
            numbers = array("I", numbers)
            numbers.byteswap()
        data = memoryview(numbers).cast("B")
        self._digest.update(data)
        write_whole(self._out, data)
        self.rows += len(numbers)

    def finish(self) -> None:
        """Write what tells that all rows are there, and unchanged."""
        write_whole(self._out, self._digest.digest())


def read_index(source: BinaryIO) -> Iterator[array[int]]:
    """The numbers of an index, block by block.

    Raises `RowIndexDamaged` at the end, when the last number was given, for an index that is not as it was written.
    """
    digest = hashlib.sha256()
    kept = b""
    while block := source.read(_BLOCK_BYTES):
        kept += block
        whole = (len(kept) - _DIGEST_BYTES) // NUMBER_BYTES * NUMBER_BYTES
        if whole > 0:
            data, kept = kept[:whole], kept[whole:]
            digest.update(data)
            numbers = array("I", data)
            if _SWAPPED:
                numbers.byteswap()
            yield numbers
    if kept != digest.digest():
        raise RowIndexDamaged("the row index was cut or changed after it was written; stage the input again")
