"""Files that measure what passes through them: bytes and SHA-256."""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer


class _Measure(io.RawIOBase):
    """A layer over another file, which it never closes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Hexadecimal digest of everything that has passed."""
        return self._digest.hexdigest()

    def _measure(self, data: Buffer) -> None:
        self._digest.update(data)
        self.bytes += memoryview(data).nbytes


class MeasuredInput(_Measure):
    """Measures what is read from a file; put an `io.BufferedReader` above it."""

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        data = self._file.read(len(view))
        view[: len(data)] = data
        self._measure(data)
        return len(data)


class MeasuredOutput(_Measure):
    """Measures what is written to a buffered file; put an `io.BufferedWriter` above it."""

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def write(self, data: Buffer, /) -> int:
        """See `io.RawIOBase`."""
        written = self._file.write(data)
        self._measure(memoryview(data)[:written])
        return written

    def write_all(self, data: bytes) -> None:
        """Write everything, in however many pieces the file takes it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(rest) :]


@contextmanager
def measured_text(out: BinaryIO) -> Iterator[tuple[TextIO, MeasuredOutput]]:
    """UTF-8 text to `out`, measured; flushed on leaving, dropped on an exception. `out` stays open."""
    measured = MeasuredOutput(out)
    text = io.TextIOWrapper(io.BufferedWriter(measured), encoding="utf-8", newline="")
    try:
        yield text, measured
        text.flush()
    except BaseException:
        # A closed lowest layer keeps the layers above from flushing into `out` when they are collected.
        measured.close()
        raise
