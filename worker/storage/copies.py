"""What of a storage's objects others can use: as local files, or by links."""

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


def has_links(storage: Storage) -> bool:
    """Whether `Storage.link` gives links; storage is not asked, so that this costs nothing and never fails."""
    return storage.local_path("x") is None
