"""Verdicts of an upload by the number of their value, read where they lie."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from itertools import accumulate
from typing import TYPE_CHECKING, Self

from worker.rows.collected import LINE_BYTES_MAX
from worker.rows.errors import CollectedUnreadable, ScratchFailed
from worker.rows.verdict_places import NO_PLACE, TYPECODE
from worker.rows.verdict_rests import REST_BEGINS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.rows.collected import SentPart

#: Files of verdicts that are open at a time.
OPEN_FILES_MAX = 16
#: Bytes of verdicts that are in memory at a time, on average: they are taken out of their file in the order in which
#: they lie there, by one pass over it, whatever the order of their values.
RUN_BYTES = 24 * 1024 * 1024
#: Values without a verdict that are told together.
NONE_TOGETHER = 64 * 1024
#: Bytes read of a file at once in such a pass; and for a line by itself, since most are shorter.
_READ_BYTES = 256 * 1024
_READ_ALONE_BYTES = 1024
#: Bytes from one wanted line to the next, on average, from which on each is read by itself.
_SCATTERED_BYTES = 16 * 1024
#: Bytes of a place.
_PLACE_BYTES = 8

#: When some values were checked, and the rest of the line on each (see `worker.rows.verdict_rests`); None without one.
Rests = tuple[str, list[bytes | None]]


class VerdictLines:
    """A context to look up verdicts in; `alignment` holds the places for all `parts`."""

    def __init__(self, parts: Sequence[SentPart], alignment: Path) -> None:
        self._parts = parts
        self._alignment = alignment
        #: The number that comes after those of each part.
        self._ends = list(accumulate(part.rows for part in parts))
        self._open: OrderedDict[int, LineFile] = OrderedDict()

    def __enter__(self) -> Self:
        self._places = self._alignment.open("rb", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._places.close()
        for file in self._open.values():
            file.close()

    def of(self, numbers: Sequence[int]) -> Iterator[Rests]:
        """What is said of each of the values `numbers`, which ascend, some of them at a time.

        Raises `CollectedUnreadable`, `ScratchFailed`.
        """
        start = 0
        while start < len(numbers):
            which = bisect_right(self._ends, numbers[start])
            part = self._parts[which]
            stop = bisect_left(numbers, self._ends[which], start)
            if part.collected is None:
                yield "", [None] * min(stop - start, NONE_TOGETHER)
                start += min(stop - start, NONE_TOGETHER)
            else:
                file = self._file(which, part, part.collected.path)
                stop = min(stop, start + max(RUN_BYTES * part.rows // max(file.bytes, 1), 1))
                yield part.collected.checked_at, self._run(part, file, numbers[start:stop])
                start = stop

    def _run(self, part: SentPart, file: LineFile, numbers: Sequence[int]) -> list[bytes | None]:
        """What is said of values of one part, so few that all of that fits into memory."""
        places = self._places_of(numbers)
        try:
            return file.rests(places)
        except (OSError, ValueError) as error:
            raise unreadable(part, error) from error

    def _places_of(self, numbers: Sequence[int]) -> array[int]:
        file = self._places.fileno()
        try:
            if numbers[-1] - numbers[0] < len(numbers):
                data = os.pread(file, len(numbers) * _PLACE_BYTES, numbers[0] * _PLACE_BYTES)
            else:
                data = b"".join([os.pread(file, _PLACE_BYTES, number * _PLACE_BYTES) for number in numbers])
        except OSError as error:
            raise ScratchFailed(f"{self._alignment.name} cannot be read ({error.strerror}); check its disk") from error
        return array(TYPECODE, data)

    def _file(self, which: int, part: SentPart, path: Path) -> LineFile:
        if which not in self._open:
            if len(self._open) >= OPEN_FILES_MAX:
                self._open.popitem(last=False)[1].close()
            try:
                self._open[which] = LineFile(path)
            except OSError as error:
                raise unreadable(part, error) from error
        self._open.move_to_end(which)
        return self._open[which]


class LineFile:
    """A file to take lines out of by their places. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.bytes = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def rests(self, places: array[int]) -> list[bytes | None]:
        """The rests of the lines at some places; None for `NO_PLACE`. Raises `ValueError` where there is no line."""
        order = sorted(range(len(places)), key=places.__getitem__)
        while order and places[order[-1]] == NO_PLACE:
            order.pop()
        if not order:
            return [None] * len(places)
        span_bytes = places[order[-1]] - places[order[0]]
        read_bytes = _READ_ALONE_BYTES if span_bytes >= len(order) * _SCATTERED_BYTES else _READ_BYTES
        rests: list[bytes | None] = [None] * len(places)
        read, first, whole = b"", 0, 0
        for at in order:
            place = places[at]
            if place >= whole:
                read, first = self._lines_from(place, read_bytes), place
                whole = place + len(read)
            start = read.index(REST_BEGINS, place - first)
            rests[at] = read[start : read.index(b"\n", start)]
        return rests

    def _lines_from(self, place: int, read_bytes: int) -> bytes:
        """Whole lines from a place on, at least one. Raises `ValueError` where there is none."""
        for size in (read_bytes, LINE_BYTES_MAX):
            read = os.pread(self._file.fileno(), size, place)
            if end := read.rfind(b"\n") + 1:
                return read[:end]
        raise ValueError


def unreadable(part: SentPart, error: Exception) -> CollectedUnreadable:
    """The error for verdicts that cannot be read a second time."""
    return CollectedUnreadable(
        f"verdicts of part {part.index} cannot be read any more ({type(error).__name__}); collect the part again",
    )
