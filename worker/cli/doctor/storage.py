"""Checks of the storage: an object is made, read and deleted, once only; and there is room on the disks."""

from __future__ import annotations

import shutil
from itertools import islice
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from worker.cli.health.check import ok, problem, unknown, warning
from worker.storage import StorageError, StorageUnsafe, exists, require_exclusive_creation
from worker.storage.probe import PROBES_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.cli.health.check import Check
    from worker.storage import Storage
    from worker.store.store import Store

AREA = "storage"
#: What is written to be read again.
PROBE = b"written by bulkverify doctor, and deleted at once\n"
#: Bytes, and fraction of a disk, of which less free is worth a warning, or stops work soon.
FREE_WARNING = (2 * 2**30, 0.05)
FREE_PROBLEM = (256 * 2**20, 0.01)
#: Records of open attempts that are looked for, of each account.
ATTEMPTS_LOOKED_FOR_MAX = 10
#: Results that are looked for, of the uploads that were completed last.
RESULTS_LOOKED_FOR_MAX = 10


class Room(NamedTuple):
    """What is free of a disk, in bytes."""

    free_bytes: int
    total_bytes: int

    def is_below(self, least: tuple[int, float]) -> bool:
        """Whether less is free than so many bytes, and less than that fraction."""
        free_bytes, share = least
        return self.free_bytes < free_bytes and self.free_bytes < self.total_bytes * share


def storage_checks(storage: Storage, home: Path) -> Iterator[Check]:
    """The storage's promises and the room there is."""
    yield _written(storage)
    yield _once(storage)
    yield from _rooms(storage, home)


def _written(storage: Storage) -> Check:
    folder = f"{PROBES_FOLDER}/{token_hex(8)}"
    name = f"{folder}/doctor"
    remedy = "Attempts to spend are recorded there first, so that nothing is submitted meanwhile."
    try:
        try:
            created, again = storage.create(name, PROBE), storage.create(name, b"")
            read = storage.read(name, len(PROBE))
        finally:
            storage.delete_prefix(folder)
        left = exists(storage, name)
    except StorageError as error:
        return problem(AREA, "usable", f"an object cannot be written, read and deleted: {error}", remedy)
    if not created or again or read != PROBE or left:
        text = "an object was not made once, read as it was written, and deleted"
        return problem(AREA, "usable", text, "Put BULKVERIFY_STORAGE_URL on a store that keeps what it is given.")
    return ok(AREA, "usable", "an object was made once, read and deleted")


def _once(storage: Storage) -> Check:
    try:
        require_exclusive_creation(storage)
    except StorageUnsafe as error:
        return problem(AREA, "created_once", str(error), "Stop the workers before they spend again.")
    except StorageError as error:
        text = f"whether several writers can create one object could not be tried: {error}"
        return unknown(AREA, "created_once", text, "Try again once the storage can be used.")
    return ok(AREA, "created_once", "of several writers one creates an object")


def _rooms(storage: Storage, home: Path) -> Iterator[Check]:
    yield _room("home", home)
    probes = storage.local_path(PROBES_FOLDER)
    # An object store has no disk here.
    if probes is not None:
        yield _room("storage", probes.parent)


def _room(name: str, place: Path) -> Check:
    there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
    try:
        found = shutil.disk_usage(there)
    except OSError as error:
        text = f"the free space of {place} cannot be told: {error.strerror}"
        return unknown(AREA, f"room_{name}", text, "Check the mount and its permissions.")
    return room_check(name, place, Room(found.free, found.total))


def room_check(name: str, place: Path, room: Room) -> Check:
    """What `room` there is on the disk of a place that is called `name`."""
    text = f"{room.free_bytes / 2**30:,.1f} GiB are free for the {name} {place}"
    remedy = "Free some space, or put it on a larger disk; lists wait once it is full."
    if room.is_below(FREE_PROBLEM):
        return problem(AREA, f"room_{name}", text, remedy)
    return (
        warning(AREA, f"room_{name}", text, remedy) if room.is_below(FREE_WARNING) else ok(AREA, f"room_{name}", text)
    )


def attempt_checks(store: Store, storage: Storage, accounts: Iterable[str]) -> Iterator[Check]:
    """Open attempts have their records in storage, made before anything was sent. Raises `StoreUnavailable`."""
    looked = 0
    for account in accounts:
        parts = store.open_attempts(account, lambda _part_id, _error: None)
        for part in islice(parts, ATTEMPTS_LOOKED_FOR_MAX):
            if part.attempt is None:
                continue
            try:
                missing = not exists(storage, part.attempt.object)
            except StorageError as error:
                text = f"whether the attempts of account {account} are recorded could not be told: {error}"
                yield unknown(AREA, "attempts", text, "Try again once the storage can be used.")
                return
            looked += 1
            if missing:
                text = f"part {part.part_id} has an attempt open, and {part.attempt.object} is not there"
                remedy = "Put it back from a backup: without it the list could be paid for twice once Redis is lost."
                yield problem(AREA, "attempts", text, remedy)
    yield ok(AREA, "attempts", f"{looked:,} records of open attempts were looked for")


def result_checks(store: Store, storage: Storage) -> Iterator[Check]:
    """The results of the uploads completed last are where their records say. Raises `StoreUnavailable`."""
    ids = store.upload_ids(states={"completed"}, most=RESULTS_LOOKED_FOR_MAX)
    looked = 0
    for upload in store.uploads(ids, lambda _upload_id, _error: None):
        for url in (upload.result.manifest, upload.result.object) if upload.result is not None else ():
            name = storage.name_of(url)
            try:
                missing = name is not None and not exists(storage, name)
            except StorageError as error:
                text = f"whether the result of upload {upload.upload_id} is there could not be told: {error}"
                yield unknown(AREA, "results", text, "Try again once the storage can be used.")
                return
            looked += name is not None
            if missing:
                text = f"upload {upload.upload_id} is completed, and {url} is not there"
                remedy = f"`bulkverify verify {upload.upload_id}` tells what is there; docs/drift.md#missing_artifact."
                yield problem(AREA, "results", text, remedy)
    yield ok(AREA, "results", f"{looked:,} objects of the results completed last were looked for")
