"""A private local file in which an object is put together before it is sent to a store."""

from __future__ import annotations

import io
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from worker.storage.errors import from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer


@contextmanager
def spooled(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file for the object `name`, gone at the end of the block or of the process. Raises `StorageError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(dir=folder)
        Path(path).unlink()
    except OSError as error:
        raise from_os_error(error, "write the local copy of", name) from error
    raw = _SpoolFile(descriptor, name)
    with raw, io.BufferedRandom(raw) as file:
        try:
            yield file
        except BaseException:
            # Closing the raw file first drops what is buffered: flushing it could fail and hide the cause.
            raw.close()
            raise


class _SpoolFile(io.FileIO):
    """A file that tells a full disk in the words of storage."""

    def __init__(self, descriptor: int, object_name: str) -> None:
        super().__init__(descriptor, "r+b")
        self._object_name = object_name

    def write(self, data: Buffer, /) -> int:
        """Write as much as fits. Raises `StorageFull`, `StorageUnavailable`."""
        try:
            return super().write(data)
        except OSError as error:
            raise from_os_error(error, "write the local copy of", self._object_name) from error
