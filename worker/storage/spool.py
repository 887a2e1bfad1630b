"""A private local file in which an object is put together before it is sent to a store."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from worker.storage.errors import from_os_error
from worker.storage.object_file import ObjectFile, filled

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What an error says was being done.
_DOING = "write the local copy of"


@contextmanager
def spooled(folder: Path, name: str) -> Iterator[BinaryIO]:
    """A file for the object `name`, gone at the end of the block or of the process. Raises `StorageError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, path = tempfile.mkstemp(dir=folder)
        Path(path).unlink()
    except OSError as error:
        raise from_os_error(error, _DOING, name) from error
    with filled(ObjectFile(descriptor, "r+b", name, _DOING)) as file:
        yield file
