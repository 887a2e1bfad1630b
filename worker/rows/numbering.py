"""The numbers of values, as they go into the row index."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from worker.rows.index import EMPTY, NUMBER_BYTES, WITHHELD, IndexWriter
from worker.rows.plain import EMPTY_MARK, WITHHELD_MARK

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import FileIO

    from worker.rows.key_file import KeyBlock
    from worker.rows.repeats import Repeats

#: What stands in the index for a row that has a mark in place of a key.
_UNSENT = {EMPTY_MARK.encode(): EMPTY, WITHHELD_MARK.encode(): WITHHELD}


class Numbering:
    """Numbers rows from the first to the last, and writes the row index to an unbuffered file, open for reading too.

    Earlier numbers are read back from the file, whose pages stay with the operating system: mapped, the whole file
    would come to count as this process's memory. Raises `OSError`.
    """

    def __init__(self, repeats: Repeats, index: FileIO) -> None:
        self._repeats = repeats
        self._writer = IndexWriter(index)
        self._file = index.fileno()
        self._sent = 0

    def finish(self) -> None:
        """All rows are numbered: end the index."""
        self._writer.finish()

    def first_rows(self, block: KeyBlock) -> bytearray:
        """Number the rows of the next block; the answer has 1 for each that is the first of its value, else 0."""
        start, keys = self._writer.rows, block.keys
        numbers = array("I")
        first = bytearray(b"\x01") * len(keys)
        for row, known in self._not_first(block, start):
            self._number_up_to(row - start, numbers)
            if known >= WITHHELD:
                numbers.append(known)
            elif known >= start:
                numbers.append(numbers[known - start])
            else:
                numbers.append(self._number_of(known))
            first[row - start] = 0
        self._number_up_to(len(keys), numbers)
        self._writer.write(numbers)
        return first

    def _number_up_to(self, row: int, numbers: array[int]) -> None:
        sent = self._sent + row - len(numbers)
        numbers.extend(range(self._sent, sent))
        self._sent = sent

    def _not_first(self, block: KeyBlock, start: int) -> Iterable[tuple[int, int]]:
        """Rows that are not the first of a value, in order, each with the first row of its value or why it has none."""
        repeated = self._repeats.before(start + len(block.keys))
        if not block.has_marks:
            return repeated
        # Nothing but a mark comes before a space: comparing takes a third as long as looking every key up.
        unsent = [(row, _UNSENT[key]) for row, key in enumerate(block.keys, start) if key < b" "]
        return sorted([*repeated, *unsent])

    def _number_of(self, row: int) -> int:
        """The number of a row of an earlier block."""
        return int.from_bytes(os.pread(self._file, NUMBER_BYTES, row * NUMBER_BYTES), "little")
