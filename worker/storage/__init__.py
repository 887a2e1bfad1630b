"""Inputs, attempt records, results and manifests as named objects behind one URL.

`open_storage(url)` gives a `Storage`; callers know names and bytes, never where or how they are kept.
"""

from worker.storage.cloud_client import CloudOptions
from worker.storage.errors import (
    InvalidCredentials,
    InvalidName,
    InvalidUrl,
    NotFound,
    ObjectTooLarge,
    StorageError,
    StorageFull,
    StorageUnavailable,
    StorageUnsafe,
)
from worker.storage.port import Storage, exists
from worker.storage.probe import require_exclusive_creation
from worker.storage.url import open_storage

__all__ = [
    "CloudOptions",
    "InvalidCredentials",
    "InvalidName",
    "InvalidUrl",
    "NotFound",
    "ObjectTooLarge",
    "Storage",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "StorageUnsafe",
    "exists",
    "open_storage",
    "require_exclusive_creation",
]
