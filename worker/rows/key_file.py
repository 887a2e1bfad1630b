"""The fold keys of all rows in a file, one short line each, and beside them the values that differ from their line.

A long key has a line that stands for it (see `worker.rows.long_keys`), and is made anew from its value when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.rows.long_keys import is_stand_in, shortened
from worker.rows.plain import MARKS, keys_of
from worker.rows.scratch import scratch_errors, write_whole
from worker.rows.values import fold_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path

    from worker.providers.port import Kind

#: First line of the file. It keeps a byte order mark in the first key from being taken for the file's.
HEADER = b"key\n"
#: Bytes read at a time, and to the end of the line.
_BLOCK_BYTES = 256 * 1024
#: Bytes of values, other than those that are their own lines, that make a block of any number of rows full.
_VALUES_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """Some rows of a key file."""

    #: In UTF-8; marks for rows without a key.
    keys: list[bytes]
    #: The values of these rows; the very same list where every value is its own key.
    values: list[bytes]
    has_marks: bool


class KeyFile:
    """The keys of a list's rows: written first, from the first row to the last, then read in the same order."""

    def __init__(self, folder: Path, kind: Kind, *, screen: bool = False) -> None:
        """The two files are made in the private `folder`; `screen` as in `row_value`. Methods raise `ScratchFailed`."""
        self.path = folder / "keys.txt"
        self._spelled_path = folder / "spelled.txt"
        self._kind = kind
        self._screen = screen
        self.rows = 0
        self.empty = 0
        self.withheld = 0

    @property
    def values(self) -> int:
        """Rows that have a key."""
        return self.rows - self.empty - self.withheld

    def write(self, blocks: Iterator[Sequence[str]]) -> Iterator[int]:
        """Write the keys of cells, block by block; gives the rows written so far after each."""
        with (
            scratch_errors(self.path),
            self.path.open("wb", buffering=0) as lines,
            self._spelled_path.open("wb", buffering=0) as spelled,
        ):
            write_whole(lines, HEADER)
            for cells in blocks:
                self._write(cells, lines, spelled)
                yield self.rows

    def _write(self, cells: Sequence[str], lines: FileIO, spelled: FileIO) -> None:
        keys = keys_of(self._kind, cells, screen=self._screen)
        text, long = shortened(keys.lines.encode())
        values = keys.spelled
        if long:
            own = keys.lines.split("\n")
            values = tuple(sorted(({at: own[at] for at in long} | dict(keys.spelled)).items()))
        write_whole(lines, text)
        write_whole(spelled, "".join(f"{self.rows + at}\t{value}\n" for at, value in values).encode())
        self.rows += len(cells)
        self.empty += keys.empty
        self.withheld += keys.withheld

    def read(self) -> Iterator[KeyBlock]:
        """What was written, from the first row to the last."""
        row = 0
        spelled = self._spelled()
        at, value = next(spelled)
        for block in self._blocks():
            keys = _lines_of(block)
            has_marks = any(mark in block for mark in MARKS)
            end = row + len(keys)
            values = keys.copy() if at < end else keys
            held_bytes = 0
            while at < end:
                values[at - row] = value
                if is_stand_in(keys[at - row]):
                    keys[at - row] = fold_key(self._kind, value.decode()).encode()
                held_bytes += len(value)
                if held_bytes > _VALUES_BYTES:
                    full = at + 1 - row
                    yield KeyBlock(keys[:full], values[:full], has_marks=has_marks)
                    del keys[:full], values[:full]
                    row, held_bytes = at + 1, 0
                at, value = next(spelled)
            if keys:
                yield KeyBlock(keys, values, has_marks=has_marks)
            row = end

    def lines(self) -> Iterator[list[bytes]]:
        """The lines, from the first row to the last: equal where keys are equal, and never long."""
        return map(_lines_of, self._blocks())

    def _blocks(self) -> Iterator[bytes]:
        with scratch_errors(self.path), self.path.open("rb") as file:
            file.readline()
            while block := file.read(_BLOCK_BYTES) + file.readline():
                yield block

    def _spelled(self) -> Iterator[tuple[int, bytes]]:
        """Rows and values that differ from their line; at the end one beyond all rows."""
        with scratch_errors(self._spelled_path), self._spelled_path.open("rb") as file:
            for line in file:
                at, _, value = line[:-1].partition(b"\t")
                yield int(at), value
        yield self.rows, b""


def _lines_of(block: bytes) -> list[bytes]:
    lines = block.split(b"\n")
    lines.pop()
    return lines
