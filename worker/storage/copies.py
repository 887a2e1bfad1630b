"""What of a storage's objects others can use: as local files, or by links."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from worker.storage.errors import from_copy_error

if TYPE_CHECKING:
    from pathlib import Path

    from worker.storage.port import Storage


def local_file(storage: Storage, name: str, folder: Path) -> Path:
    """The object's content as a file: where it lies, or a copy in `folder`.

    Raises `StorageError`; for a copy that the machine has no room for, or cannot write, one that is retryable.
    """
    found = storage.local_path(name)
    if found is not None:
        return found
    copy = folder / name.replace("/", "_")
    with storage.open(name) as source:
        try:
            with copy.open("wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise from_copy_error(error, name) from error
    return copy


def has_links(storage: Storage) -> bool:
    """Whether `Storage.link` gives links; storage is not asked, so that this costs nothing and never fails."""
    return storage.local_path("x") is None
