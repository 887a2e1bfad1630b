"""The rules of a watched folder, pure: which names are lists, when a file is complete, what becomes of it.

A file is complete when it has held still, size and time, for the settling time; or when it was renamed into place: the
same file, untouched, had an unfinished name at an earlier look.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from producers.contract import UploadState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producers.errors import Rejected
    from producers.records import Status

#: How the names end that programs give to files they have not finished.
UNFINISHED_SUFFIXES = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~")
#: How the name of the file ends that tells why the file beside it was rejected.
REASON_SUFFIX = ".reason.txt"
#: Looks after the first that a file must have come through unchanged, however short the settling time is.
LOOKS_UNCHANGED_MIN = 2

#: States of an upload whose list the workers have copied: they need the file itself no longer.
STAGED_STATES = frozenset(
    {UploadState.RUNNING, UploadState.DELIVERING, UploadState.ATTENTION, UploadState.COMPLETED},
)
#: States of an upload that ended without a whole result.
ENDED_BADLY = frozenset({UploadState.FAILED, UploadState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as one look found it; a file that is renamed stays the same `Seen`, one that is written to does not."""

    inode: int
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Steady:
    """A file, and since which look it has been as it is, in seconds of a clock that never goes back."""

    seen: Seen
    since: float
    #: Whether it had an unfinished name before, so that its present name says that it is complete.
    renamed: bool = False


class Next(Enum):
    """What is to be done with a complete file."""

    #: Put its request into the stream.
    ASK = auto()
    #: Leave it where it is: the workers have still to read it.
    WAIT = auto()
    #: Move it to `done/`.
    FINISH = auto()
    #: Move it to `rejected/`.
    REJECT = auto()


def is_unfinished(name: str) -> bool:
    """Whether a name says that its file is not complete: it is hidden, or has one of `UNFINISHED_SUFFIXES`."""
    return name.startswith(".") or name.lower().endswith(UNFINISHED_SUFFIXES)


def is_list(name: str, pattern: str) -> bool:
    """Whether a file of that name is to be verified once it is complete. A reason file never is."""
    return not is_unfinished(name) and not name.endswith(REASON_SUFFIX) and fnmatchcase(name, pattern)


def observe(before: Mapping[str, Steady], snapshot: Mapping[str, Seen], now: float) -> dict[str, Steady]:
    """What is known of each file in `snapshot`, by name, after a look at `now`.

    What an unchanged file had come through under another name counts under its new one.
    """
    earlier = {steady.seen: (name, steady) for name, steady in before.items()}
    return {name: _observed(name, before.get(name), earlier.get(seen), seen, now) for name, seen in snapshot.items()}


def is_complete(steady: Steady, now: float, *, settle_seconds: float, period_seconds: float) -> bool:
    """Whether a file with a list's name has held still for long enough, or was renamed into place."""
    return steady.renamed or now - steady.since >= max(settle_seconds, LOOKS_UNCHANGED_MIN * period_seconds)


def next_step(status: Status | None, refusal: Rejected | None, *, asked: bool) -> Next:
    """What is to be done with a complete file, from its upload's status and what intake said of its request.

    The workers read the file by its path until its upload is staged, so it stays in its place until then. `asked` says
    that its request, or one for the same content, is in the stream.
    """
    if refusal is not None or (status is not None and status.outcome in ENDED_BADLY):
        return Next.REJECT
    if status is None:
        return Next.WAIT if asked else Next.ASK
    # Parts are born when the list is staged, in whatever state of a later version the upload then is.
    staged = status.outcome in STAGED_STATES or status.parts_total > 0
    return Next.FINISH if staged else Next.WAIT


def _observed(
    name: str, same_name: Steady | None, same_file: tuple[str, Steady] | None, seen: Seen, now: float
) -> Steady:
    if same_name is not None and same_name.seen == seen:
        return same_name
    if same_file is None:
        return Steady(seen, now)
    old_name, steady = same_file
    return Steady(seen, steady.since, steady.renamed or (is_unfinished(old_name) and not is_unfinished(name)))
