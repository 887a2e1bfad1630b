"""Whether a storage keeps the promise on which one charge per list rests: of all who create an object, one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import TYPE_CHECKING

from worker.storage.errors import StorageUnsafe

if TYPE_CHECKING:
    from worker.storage.port import Storage

#: Folder of the objects that are created for the trial, and deleted after it.
PROBES_FOLDER = "probes"
#: How many try to create the same object at once.
RACERS = 4


def require_exclusive_creation(storage: Storage) -> None:
    """Have several create one object at once. Raises `StorageUnsafe` unless exactly one did, or any `StorageError`.

    Where objects are files of this host, the operating system gives that promise and nothing is tried.

    Known limitation: a store that keeps it most of the time can pass.
    """
    folder = f"{PROBES_FOLDER}/{token_hex(8)}"
    if storage.local_path(folder) is not None:
        return
    try:
        with ThreadPoolExecutor(RACERS) as pool:
            created = list(pool.map(lambda number: storage.create(f"{folder}/x", b"%d" % number), range(RACERS)))
    finally:
        storage.delete_prefix(folder)
    if sum(created) != 1:
        raise StorageUnsafe(
            f"storage let {sum(created)} of {RACERS} callers create the same object, where exactly one may: it ignores "
            "conditional writes (If-None-Match), and lists could be paid for twice; put BULKVERIFY_STORAGE_URL on a "
            "store that honours them"
        )
