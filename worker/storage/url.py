"""From `BULKVERIFY_STORAGE_URL` to a storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from worker.storage.errors import InvalidUrl
from worker.storage.local import LocalStorage

if TYPE_CHECKING:
    from worker.storage.port import Storage

_EXAMPLE = "file:///var/lib/bulkverify/storage"


def open_storage(url: str) -> Storage:
    """Open the storage at `url`: a local or shared folder, made when it is not there.

    Raises `InvalidUrl` for anything but an absolute ``file://`` URL; the message never repeats the URL, which may
    carry credentials.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise InvalidUrl(
            f"BULKVERIFY_STORAGE_URL has the scheme {parts.scheme[:20]!r}; only a folder works, such as {_EXAMPLE}",
        )
    if parts.netloc not in {"", "localhost"} or parts.query or parts.fragment or not parts.path.startswith("/"):
        raise InvalidUrl(
            f"BULKVERIFY_STORAGE_URL must be an absolute folder without host, query or fragment, such as {_EXAMPLE}",
        )
    return LocalStorage(Path(unquote(parts.path)))
