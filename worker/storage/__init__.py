"""Inputs, attempt records, results and manifests as named objects behind one URL.

`open_storage(url)` gives a `Storage`; callers know names and bytes, never where or how they are kept.
"""

from worker.storage.errors import (
    InvalidName,
    InvalidUrl,
    NotFound,
    ObjectTooLarge,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from worker.storage.port import Storage
from worker.storage.url import open_storage

__all__ = [
    "InvalidName",
    "InvalidUrl",
    "NotFound",
    "ObjectTooLarge",
    "Storage",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "open_storage",
]
