"""Objects as local files, for what needs a file and not a stream."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from worker.storage.port import Storage


def local_file(storage: Storage, name: str, folder: Path) -> Path:
    """The object's content as a file: where it lies, or a copy in `folder`. Raises `StorageError`."""
    found = storage.local_path(name)
    if found is not None:
        return found
    copy = folder / name.replace("/", "_")
    with storage.open(name) as source, copy.open("wb") as target:
        shutil.copyfileobj(source, target)
    return copy
