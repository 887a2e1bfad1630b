"""Verdicts of an upload by the number of their value, read where they lie."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING, Self

from worker.rows.align_by_keys import NO_PLACE, TYPECODE
from worker.rows.collected import LINE_BYTES_MAX, parse_verdicts
from worker.rows.errors import CollectedUnreadable, ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.rows.collected import SentPart

#: Files of verdicts that are open at a time.
OPEN_FILES_MAX = 16
#: Bytes of verdicts that are in memory at a time, on average: they are taken out of their file in the order in which
#: they lie there, by one pass over it, whatever the order of their values.
RUN_BYTES = 24 * 1024 * 1024
#: Verdicts that are parsed together.
_PARSED_TOGETHER = 256
#: Bytes read of a file at once in such a pass; and for a line by itself, since most are shorter.
_READ_BYTES = 256 * 1024
_READ_ALONE_BYTES = 1024
#: Bytes from one wanted line to the next, on average, from which on each is read by itself.
_SCATTERED_BYTES = 16 * 1024
#: Bytes of a place.
_PLACE_BYTES = 8

#: When a value was checked, the verdict word, and the provider's columns.
Found = tuple[str, str, dict[str, str]]


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

    def of(self, numbers: Sequence[int]) -> Iterator[Found | None]:
        """When each of the values `numbers`, which ascend, was checked, and the verdict on it; None without one.

        Raises `CollectedUnreadable`, `ScratchFailed`.
        """
        start = 0
        while start < len(numbers):
            which = bisect_right(self._ends, numbers[start])
            part = self._parts[which]
            stop = bisect_left(numbers, self._ends[which], start)
            if part.collected is None:
                yield from repeat(None, stop - start)
            else:
                file = self._file(which, part, part.collected.path)
                stop = min(stop, start + max(RUN_BYTES * part.rows // max(file.bytes, 1), 1))
                yield from self._run(part, file, part.collected.checked_at, numbers[start:stop])
            start = stop

    def _run(self, part: SentPart, file: LineFile, checked_at: str, numbers: Sequence[int]) -> Iterator[Found | None]:
        """The same for values of one part, so few that all their verdicts fit into memory."""
        places = self._places_of(numbers)
        try:
            lines = file.lines([place for place in places if place != NO_PLACE])
            verdicts = chain.from_iterable(
                parse_verdicts(lines[first : first + _PARSED_TOGETHER])
                for first in range(0, len(lines), _PARSED_TOGETHER)
            )
            for place in places:
                if place == NO_PLACE:
                    yield None
                else:
                    _, word, columns = next(verdicts)
                    yield checked_at, word, columns
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _unreadable(part, error) from error

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
                raise _unreadable(part, error) from error
        self._open.move_to_end(which)
        return self._open[which]


class LineFile:
    """A file to take lines out of by their places. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.bytes = os.fstat(self._file.fileno()).st_size
        #: Bytes of the file that were read last, and the place of the first of them.
        self._read = b""
        self._first = 0

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def lines(self, places: Sequence[int]) -> list[bytes]:
        """The lines at some places with their line breaks; of one that is too long, the first `LINE_BYTES_MAX`."""
        order = sorted(range(len(places)), key=places.__getitem__)
        scattered = order and places[order[-1]] - places[order[0]] >= len(places) * _SCATTERED_BYTES
        read_bytes = _READ_ALONE_BYTES if scattered else _READ_BYTES
        lines = [b""] * len(places)
        for at in order:
            lines[at] = self._line(places[at], read_bytes)
        return lines

    def _line(self, place: int, read_bytes: int) -> bytes:
        start = place - self._first
        end = self._read.find(b"\n", start) + 1 if start >= 0 else 0
        if end:
            return self._read[start:end]
        self._first = place
        for size in (read_bytes, LINE_BYTES_MAX):
            self._read = os.pread(self._file.fileno(), size, place)
            if end := self._read.find(b"\n") + 1:
                return self._read[:end]
        return self._read


def _unreadable(part: SentPart, error: Exception) -> CollectedUnreadable:
    return CollectedUnreadable(
        f"verdicts of part {part.index} cannot be read any more ({type(error).__name__}); collect the part again",
    )
