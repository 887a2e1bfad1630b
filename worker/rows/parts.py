"""The part files of an upload: its values in their order, split evenly into the fewest parts that are allowed."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from worker.rows.scratch import scratch_errors, write_whole
from worker.rows.values import ValuesDigest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StagedPart:
    """One part's values in the file `path`: UTF-8, one CSV cell per line (LF), no header."""

    index: int
    rows: int
    #: Digest of the file's bytes.
    sha256: str
    #: Digest of the values, whatever their order (see `worker.rows.values.values_digest`).
    values_digest: str
    path: Path


class PartsWriter:
    """A context that writes `values` (more than none) as the fewest parts of at most `rows_per_part`.

    Sizes differ by at most one. Once all values are written, `parts` has all parts. Raises `ScratchFailed`.
    """

    def __init__(self, folder: Path, values: int, rows_per_part: int) -> None:
        self._folder = folder
        count = -(-values // rows_per_part)
        size, larger = divmod(values, count)
        self._sizes = [size + (index < larger) for index in range(count)]
        self._open: _PartFile | None = None
        self.parts: list[StagedPart] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open.discard()

    def write(self, values: Sequence[bytes], keys: Sequence[bytes]) -> None:
        """Write the next values, of which `keys` are the fold keys; both in UTF-8."""
        start = 0
        while start < len(values):
            index = len(self.parts)
            path = self._folder / f"part-{index:05d}.csv"
            with scratch_errors(path):
                part = self._open = self._open or _PartFile(path)
                end = start + self._sizes[index] - part.rows
                part.write(values[start:end], keys[start:end])
                if part.rows == self._sizes[index]:
                    self.parts.append(part.finished(index))
                    self._open = None
            start = end


class _PartFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._values_digest = ValuesDigest()
        self.rows = 0

    def write(self, values: Sequence[bytes], keys: Sequence[bytes]) -> None:
        text = _lines(values)
        write_whole(self._file, text)
        self._sha256.update(text)
        self._values_digest.add(keys)
        self.rows += len(values)

    def finished(self, index: int) -> StagedPart:
        self._file.close()
        return StagedPart(index, self.rows, self._sha256.hexdigest(), self._values_digest.hexdigest(), self._path)

    def discard(self) -> None:
        self._file.close()


def _lines(values: Sequence[bytes]) -> bytes:
    """Values as lines of CSV with one cell."""
    text = b"\n".join(values) + b"\n"
    if b'"' not in text and b"," not in text:
        return text
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([value.decode()] for value in values)
    return out.getvalue().encode()
