"""What the errors of an object store mean, in the words of storage.

The library's texts hold addresses, answers of the server and sometimes parts of a signature: none of them is shown.
What is looked for in them is the server's status and its error code, both of bounded form.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.storage.errors import NotFound, StorageError, StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = re.compile(r"status code: ([1-5][0-9]{2})\b")
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")

#: Documented codes of S3 and of Azure that say the place itself is missing.
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "ContainerNotFound"}
#: Codes by which stores tell that nothing more fits in, and the HTTP status of the same meaning.
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "NoSpaceLeft", "TooManyBuckets"}
_FULL_STATUS = {"507"}
#: Codes of a clock that differs too much from the store's.
_SKEWED = {"RequestTimeTooSkewed"}
#: Statuses, and the library's errors, of refused credentials.
_REFUSED_STATUS = {"401", "403"}
_REFUSALS = {"PermissionDeniedError", "UnauthenticatedError"}

_NO_BUCKET_TEXT = "the bucket does not exist ({answer}); create it or check BULKVERIFY_STORAGE_URL"
_REFUSED_TEXT = (
    "the store refuses the credentials ({answer}); check the keys and what they may do: read, write, list and delete "
    "objects of the bucket"
)
_UNREACHABLE_TEXT = (
    "the store cannot be reached in time; check BULKVERIFY_STORAGE_ENDPOINT, the network, and that the store runs"
)


def from_library(error: Exception, doing: str, name: str) -> StorageError:
    """The error that tells what an error of the library means for the object `name` while `doing` something."""
    text = str(error)
    code = _first(_CODE, text)
    status = _first(_STATUS, text)
    answer = " ".join(filter(None, (f"HTTP {status}" if status else "", code)))
    what = f"storage could not {doing} {name!r}"
    cls, meaning = _meaning(error, status, code)
    return cls(f"{what}: {meaning.format(answer=answer or 'without a word')}")


def _meaning(error: Exception, status: str, code: str) -> tuple[type[StorageError], str]:
    kind = type(error).__name__
    if code in _NO_BUCKET:
        return StorageUnavailable, _NO_BUCKET_TEXT
    if kind == "FileNotFoundError":
        return NotFound, "there is no such object; it may have been deleted or never written"
    if code in _FULL or status in _FULL_STATUS:
        return StorageFull, "no space left ({answer}); free space or raise the quota, the work then continues"
    if code in _SKEWED:
        text = "this machine's clock differs from the store's ({answer}); set it"
    elif status in _REFUSED_STATUS or kind in _REFUSALS:
        text = _REFUSED_TEXT
    elif kind == "PreconditionError":
        text = "it was replaced while it was read; the same step reads the new one"
    elif status:
        text = "the store answered {answer}; look at the store's own state and log"
    else:
        text = _UNREACHABLE_TEXT
    return StorageUnavailable, text


@contextmanager
def explained(doing: str, name: str) -> Iterator[None]:
    """Turn every error of the library inside the block into one of storage, without its text and chain."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 - needed only where an object store is

    failure: StorageError
    try:
        yield
    except StorageError:
        raise
    except (BaseError, OSError, ValueError) as error:
        failure = from_library(error, doing, name)
    else:
        return
    raise failure from None


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
