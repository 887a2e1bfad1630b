"""What can go wrong with storage, whatever it is made of.

StorageError
├── NotFound             no object has this name
├── ObjectTooLarge       the object is larger than the caller is ready to hold in memory
├── StorageFull          no space or quota is left
├── StorageUnavailable   it cannot be reached, or refuses this process
├── InvalidName          a name that no object may have
├── InvalidUrl           `BULKVERIFY_STORAGE_URL` names no storage that this program can open
├── InvalidCredentials   the credentials of an object store cannot be read
└── StorageUnsafe        it does not keep the promise that an object is created once
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path


class StorageError(Exception):
    """Storage did not do what was asked. The message names the object and what to do."""

    #: A bounded word for logs, metrics and records.
    reason: ClassVar[str] = "storage_error"
    #: Whether the same call may succeed later without anybody changing the program.
    retryable: ClassVar[bool] = False


class NotFound(StorageError):
    """No object has this name."""

    reason = "storage_not_found"


class ObjectTooLarge(StorageError):
    """The object is larger than the caller is ready to hold in memory."""

    reason = "storage_object_too_large"


class StorageFull(StorageError):
    """No space or quota is left."""

    reason = "storage_full"
    retryable = True


class StorageUnavailable(StorageError):
    """Storage cannot be reached, or refuses this process."""

    reason = "storage_unavailable"
    retryable = True


class InvalidName(StorageError):
    """A name that no object may have."""

    reason = "storage_invalid_name"


class InvalidUrl(StorageError):
    """`BULKVERIFY_STORAGE_URL` names no storage that this program can open."""

    reason = "storage_invalid_url"


class InvalidCredentials(StorageError):
    """The credentials of an object store cannot be read."""

    reason = "storage_invalid_credentials"


class StorageUnsafe(StorageError):
    """It does not keep the promise that an object is created once, without which lists could be paid for twice."""

    reason = "storage_unsafe"


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}


def from_os_error(error: OSError, doing: str, name: str) -> StorageError:
    """The error that tells what an operating system error means for the object `name` while `doing` something."""
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    what = f"storage could not {doing} {name!r}"
    if error.errno in _FULL:
        return StorageFull(f"{what}: no space left ({code}); free space or raise the quota, the work then continues")
    if error.errno == errno.ENOENT:
        return NotFound(f"{what}: there is no such object; it may have been deleted or never written")
    if error.errno in {errno.EISDIR, errno.ENOTDIR}:
        return InvalidName(f"{what}: one object's name is the folder of another's; choose another name")
    if doing == "create" and error.errno in _NO_LINKS:
        return StorageUnavailable(
            f"{what}: the file system refuses hard links ({code}); "
            "put BULKVERIFY_STORAGE_URL on one that has them (ext4, XFS, APFS, NFS)",
        )
    explained = os.strerror(error.errno) if error.errno else "unknown"
    return StorageUnavailable(
        f"{what}: {explained} ({code}); check the mount and the permissions of BULKVERIFY_STORAGE_URL",
    )


def too_large(name: str, bytes_max: int) -> ObjectTooLarge:
    """The error for an object that has more bytes than whoever reads it whole expects."""
    return ObjectTooLarge(
        f"object {name!r} is larger than the {bytes_max} bytes expected of it; open it as a file, "
        "or look at what wrote it",
    )


def from_copy_error(error: OSError, name: str) -> StorageError:
    """The error that tells why this machine could not keep a local copy of the object `name`; always a retryable one.

    The object may be there all the same, so it is never `NotFound`.
    """
    return _from_home_error(error, f"this machine could not keep a local copy of {name!r}")


def from_scratch_error(error: OSError, folder: Path) -> StorageError:
    """The error that tells why intermediate files could not be kept in `folder`; always a retryable one."""
    return _from_home_error(error, f"this machine could not keep intermediate files in {folder}")


def _from_home_error(error: OSError, what: str) -> StorageError:
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    if error.errno in _FULL:
        return StorageFull(f"{what}: no space left ({code}); free space below BULKVERIFY_HOME, the work then continues")
    explained = os.strerror(error.errno) if error.errno else "unknown"
    return StorageUnavailable(f"{what}: {explained} ({code}); check the disk and the permissions of BULKVERIFY_HOME")
