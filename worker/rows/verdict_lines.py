"""Verdicts of an upload by the number of their value, read where they lie."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Self

from worker.rows.align_by_keys import NO_PLACE, TYPECODE
from worker.rows.collected import LINE_BYTES_MAX, parse_verdict
from worker.rows.errors import CollectedUnreadable, ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.rows.collected import SentPart

#: Files of verdicts that are open at a time.
OPEN_FILES_MAX = 16
#: Bytes read of such a file at a time: some dozens of verdicts.
_READ_BYTES = 16 * 1024
#: Places read at a time, and bytes of one.
_BLOCK_PLACES = 32 * 1024
_PLACE_BYTES = 8


class Places:
    """A context to look up places in, best in ascending order of numbers; others are read one by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = 0
        self._block = array(TYPECODE)

    def __enter__(self) -> Self:
        self._file = self._path.open("rb", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def of(self, number: int) -> int:
        """The place of the verdict on value `number`, or `NO_PLACE`. Raises `ScratchFailed`."""
        offset = number - self._first
        if 0 <= offset < len(self._block):
            return self._block[offset]
        if offset == len(self._block):
            self._block = self._read(number, _BLOCK_PLACES)
            self._first = number
            return self._block[0]
        return self._read(number, 1)[0]

    def _read(self, number: int, count: int) -> array[int]:
        try:
            data = os.pread(self._file.fileno(), count * _PLACE_BYTES, number * _PLACE_BYTES)
        except OSError as error:
            raise ScratchFailed(f"{self._path.name} cannot be read ({error.strerror}); check its disk") from error
        return array(TYPECODE, data)


class VerdictLines:
    """A context to look up verdicts in; `alignment` holds the places for all `parts`."""

    def __init__(self, parts: Sequence[SentPart], alignment: Path) -> None:
        self._parts = parts
        #: The number that comes after those of each part.
        self._ends = list(accumulate(part.rows for part in parts))
        self._places = Places(alignment)
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()
        #: The numbers of the part that was read last, its file and when it was checked, and where the file stands.
        self._numbers = range(0)
        self._file: BinaryIO
        self._checked_at = ""
        self._at = 0

    def __enter__(self) -> Self:
        self._places.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._places.__exit__()
        for file in self._open.values():
            file.close()

    def of(self, number: int) -> tuple[str, str, dict[str, str]] | None:
        """When the value `number` was checked, the verdict word and the provider's columns; None without a verdict.

        Raises `CollectedUnreadable`, `ScratchFailed`.
        """
        place = self._places.of(number)
        if place == NO_PLACE:
            return None
        try:
            if number not in self._numbers:
                self._turn_to(number)
            if place != self._at:
                self._file.seek(place)
            line = self._file.readline(LINE_BYTES_MAX)
            self._at = place + len(line)
            _, word, columns = parse_verdict(line)
        except (OSError, ValueError, KeyError, TypeError) as error:
            part = self._parts[bisect_right(self._ends, number)]
            raise CollectedUnreadable(
                f"the verdict on value {number} at byte {place} of part {part.index} cannot be read any more "
                f"({type(error).__name__}); collect the part again",
            ) from error
        return self._checked_at, word, columns

    def _turn_to(self, number: int) -> None:
        """Go to the file of the part that has a value. Raises `OSError`."""
        which = bisect_right(self._ends, number)
        part = self._parts[which]
        if part.collected is None:
            raise FileNotFoundError
        if which not in self._open:
            if len(self._open) >= OPEN_FILES_MAX:
                self._open.popitem(last=False)[1].close()
            self._open[which] = part.collected.path.open("rb", buffering=_READ_BYTES)
        self._open.move_to_end(which)
        self._file = self._open[which]
        self._checked_at = part.collected.checked_at
        self._at = self._file.tell()
        self._numbers = range(self._ends[which] - part.rows, self._ends[which])
