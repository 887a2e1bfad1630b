"""What of a storage's objects others can use: as local files, or by links."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

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


def has_links(storage: Storage, base_url: str) -> bool:
    """Whether `Storage.link` gives links that the server at `base_url` may be given to follow.

    None that is less encrypted than its own address: a store that is spoken to in plain HTTP is on this machine or in a
    network of one's own, where such a server does not get, and the link would show the list to all on the way. Storage
    is not asked, so that this costs nothing and never fails.

    Known limitation: whether the server reaches a store with HTTPS shows only when it is given a link.
    """
    return storage.link_scheme in {"https", urlsplit(base_url).scheme}
