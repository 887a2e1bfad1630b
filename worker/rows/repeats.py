"""Which rows repeat the key of an earlier row."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from worker.rows.plain import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.rows.key_file import KeyFile

#: Bytes of a key file that is folded in memory: an engine that folds any file would take longer to start.
IN_MEMORY_BYTES_MAX = 4 * 1024 * 1024


class Repeats:
    """The rows that repeat an earlier one's key: to be asked for once, from the first row to the last."""

    def __init__(self, rows: int, found: Iterable[tuple[int, int]]) -> None:
        """`found` are so many rows in order, each with the first row of its key; rows are counted from 0."""
        self.rows = rows
        self._found = iter(found)
        self._next = next(self._found, None)

    def before(self, row: int) -> Iterator[tuple[int, int]]:
        """The repeats before `row` that were not given yet: row and first row of its key."""
        while self._next is not None and self._next[0] < row:
            yield self._next
            self._next = next(self._found, None)


def memory_repeats(keys: KeyFile) -> Repeats:
    """The repeats in a key file of at most `IN_MEMORY_BYTES_MAX`."""
    first: dict[bytes, int] = {}
    every = enumerate(chain.from_iterable(keys.lines()))
    found = [(row, first[key]) for row, key in every if first.setdefault(key, row) != row and key not in MARKS]
    return Repeats(len(found), found)
