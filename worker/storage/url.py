"""From `BULKVERIFY_STORAGE_URL` to a storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.storage_urls import parsed
from worker.storage.cloud_client import CloudClient, CloudOptions
from worker.storage.errors import InvalidUrl
from worker.storage.local import LocalStorage

if TYPE_CHECKING:
    from worker.storage.port import Storage


def open_storage(url: str, options: CloudOptions | None = None) -> Storage:
    """Open the storage at `url`: a folder, made when it is not there, or a prefix of a bucket that has to be there.

    `options` say how to speak to an object store, which is first spoken to when it is first used. Raises `InvalidUrl`;
    the message never repeats the URL, which may carry credentials.
    """
    try:
        place = parsed(url)
    except ValueError as error:
        raise InvalidUrl(f"BULKVERIFY_STORAGE_URL {error}") from None
    if place.scheme == "file":
        return LocalStorage(Path(place.path))
    from worker.storage.cloud import CloudStorage  # noqa: PLC0415 - needed only where an object store is

    options = options or CloudOptions()
    return CloudStorage(CloudClient(place, options), options)
