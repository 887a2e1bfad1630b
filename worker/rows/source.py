"""Where a list comes from: opening the files that a request names, and nothing outside the folders that may be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from producers.content import ContentDigest
from worker.rows.errors import (
    InputError,
    InputNotFound,
    InputTooLarge,
    InputUnreadable,
    NoValues,
    OutsideRoots,
    OutsideStorage,
)
from worker.rows.shown import shown
from worker.storage import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.storage import Storage

#: Bytes read at once.
BLOCK_BYTES = 1024 * 1024
#: Folder of the storage that applications put their lists into.
INPUTS_FOLDER = "inputs"


def open_source(source: Mapping[str, str], roots: Sequence[Path]) -> BinaryIO:
    """The source's bytes. Raises `InputError`: missing, unreadable, empty, not a plain file, or outside `roots`.

    The file is judged as it was opened, so that it cannot be swapped for another between look and read, and nothing is
    said of files outside `roots`, not even whether they exist. Known limitation: whoever may replace a folder below a
    root at that very moment can lead the way out of it.
    """
    path = Path(source["path"])
    allowed = [root.resolve() for root in roots]
    resolved = _resolved(path)
    if not any(resolved.is_relative_to(root) for root in allowed):
        listed = ", ".join(str(root) for root in allowed) or "none"
        raise OutsideRoots(
            f"{shown(str(path))} is not inside a folder that may be read ({shown(listed)[1:-1]}); "
            "put it into one, or see BULKVERIFY_INPUT_ROOTS."
        )
    return _open(path, resolved)


def open_stored(url: str, storage: Storage) -> BinaryIO:
    """The bytes of an object below `INPUTS_FOLDER`. Raises `InputError`, and `StorageError` when storage is at fault.

    Where objects are files, no link leads out of that folder.
    """
    name = storage.name_of(url)
    if name is None or not name.startswith(f"{INPUTS_FOLDER}/"):
        raise _outside_storage(url, storage)
    local = storage.local_path(name)
    if local is None:
        try:
            return storage.open(name)
        except NotFound:
            raise _no_object(url) from None
    # The folder itself is resolved, and nothing below it: it may not be a link either.
    folder = local.parents[name.count("/")].resolve() / INPUTS_FOLDER
    resolved = _resolved(local)
    if not resolved.is_relative_to(folder):
        raise _outside_storage(url, storage)
    try:
        return _open(local, resolved)
    except InputNotFound:
        raise _no_object(url) from None


def _no_object(url: str) -> InputNotFound:
    return InputNotFound(f"There is no object {url}; put the list there, and then submit it.")


def _outside_storage(url: str, storage: Storage) -> OutsideStorage:
    allowed = storage.url(f"{INPUTS_FOLDER}/list.csv").removesuffix("list.csv")
    return OutsideStorage(
        f"{url} is not in the folder of the workers' storage that lists are read from; its URL has to begin with "
        f"{allowed} and to go on with letters, digits, '.', '_', '-' and '/', and no link may lead out of the folder."
    )


def _resolved(path: Path) -> Path:
    failure: InputError
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        failure = _unreadable(path, error)
    raise failure


def _open(path: Path, resolved: Path) -> BinaryIO:
    failure: InputError
    try:
        # Non-blocking, so that a pipe in place of a file is refused instead of waited for.
        descriptor = os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        failure = InputNotFound(
            f"{shown(str(path))} does not exist on this machine; workers must see it under the same path."
        )
    except OSError as error:
        failure = _unreadable(path, error)
    else:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
        if stat.S_ISREG(status.st_mode):
            failure = NoValues(f"{shown(str(path))} is empty; name a file with something to verify in it.")
        else:
            failure = InputUnreadable(f"{shown(str(path))} is not a plain file; name a text file.")
    raise failure


def _unreadable(path: Path, error: OSError | RuntimeError) -> InputUnreadable:
    why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "its links go round in circles"
    return InputUnreadable(
        f"{shown(str(path))} cannot be read: {why}. Check the path, and its permissions for the workers' user."
    )


def source_sha256(file: BinaryIO, bytes_max: int, name: str, copy: BinaryIO | None = None) -> str:
    """SHA-256, hexadecimal, of what an open source holds; its bytes are written to `copy` where one is wanted.

    Raises `InputTooLarge`, which names the source, beyond `bytes_max`.
    """
    digest = ContentDigest(bytes_max)
    size = 0
    while block := file.read(BLOCK_BYTES):
        size += len(block)
        if size > bytes_max:
            raise InputTooLarge(
                f"{name} has more than the {bytes_max:,} bytes allowed; split it, or see BULKVERIFY_INPUT_BYTES_MAX."
            )
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.sha256
