"""The private file in which an object is put together, before it gets its name or is sent."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from worker.storage.errors import from_os_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typing_extensions import Buffer


class ObjectFile(io.FileIO):
    """A file that tells a full disk in the words of storage: of the object's name, and what was done with it."""

    def __init__(self, file: Path | int, mode: str, object_name: str, doing: str) -> None:
        super().__init__(file, mode)
        self._object_name = object_name
        self._doing = doing

    def write(self, data: Buffer, /) -> int:
        """Write as much as fits. Raises `StorageFull`, `StorageUnavailable`."""
        try:
            return super().write(data)
        except OSError as error:
            raise from_os_error(error, self._doing, self._object_name) from error


@contextmanager
def filled(raw: ObjectFile) -> Iterator[BinaryIO]:
    """The file to write to, complete and closed on leaving unless with an exception."""
    with raw, io.BufferedRandom(raw) as file:
        try:
            yield file
        except BaseException:
            # Closing the raw file first drops what is buffered: flushing it could fail and hide the cause.
            raw.close()
            raise
