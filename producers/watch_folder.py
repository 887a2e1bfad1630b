"""The folder that is watched: looks at its files, and moves each to `done/` or `rejected/` in one rename.

A rejected file's reason is written before the file is moved, so that none is ever there without one; the reason that an
interruption leaves without its file is written anew when the file is rejected again. Known limitation: if the file is
then accepted instead, that reason stays behind.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from producers.errors import FolderUnusable
from producers.watch import REASON_SUFFIX, Seen, is_list, is_unfinished

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Folders, inside the watched one, of the files that need nothing more.
DONE_FOLDER = "done"
REJECTED_FOLDER = "rejected"
#: File that the one watch of a folder holds a lock on, inside the folder.
LOCK_NAME = ".bulkverify-watch.lock"
#: Name under which a reason is written before it has its own, in `rejected/`.
UNFINISHED_REASON = ".reason.part"
#: Files of a folder that are looked at; there is room for others when these are moved.
FILES_SEEN_MAX = 10_000
#: Bytes of a name in `done/` or `rejected/`: what file systems allow, less the room for the reason's suffix.
NAME_BYTES_MAX = 255 - len(REASON_SUFFIX)


class Folder:
    """A watched folder with its `done/` and `rejected/`."""

    def __init__(self, path: Path) -> None:
        """Makes the two folders where they are missing. Raises `FolderUnusable`."""
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, absolute() keep ".."
        self.done = self.path / DONE_FOLDER
        self.rejected = self.path / REJECTED_FOLDER
        try:
            self._check()
        except OSError as error:
            raise FolderUnusable(f"{self.path} cannot be watched: {fault_of(error)}.") from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While the block runs no other watch works here. Raises `FolderUnusable` when one does already."""
        try:
            lock = (self.path / LOCK_NAME).open("w")
        except OSError as error:
            raise FolderUnusable(f"{self.path} cannot be watched: {fault_of(error)}.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FolderUnusable(
                    f"Another bulkverify watch is at work in {self.path}.", remedy="One watch per folder is enough."
                ) from None
            except OSError as error:
                raise FolderUnusable(f"{self.path} cannot be locked: {fault_of(error)}.") from None
            yield

    def look(self, pattern: str, known: Collection[str] = ()) -> dict[str, Seen]:
        """The plain files that are lists or may become some by a renaming, by name. Raises `OSError`.

        Those `known` have a place before the others, so that a crowded folder does not push them out.
        """
        with os.scandir(self.path) as entries:
            files = (entry.name for entry in entries if is_list(entry.name, pattern) or is_unfinished(entry.name))
            names = chain(known, (name for name in files if name not in known and name != LOCK_NAME))
            seen = ((name, self.seen(name)) for name in names)
            return dict(islice(((name, found) for name, found in seen if found is not None), FILES_SEEN_MAX))

    def seen(self, name: str) -> Seen | None:
        """A plain file as it is now, None when there is none to be had; links, folders and pipes are none."""
        return _seen(self.path / name)

    def finish(self, name: str, seen: Seen) -> Path | None:
        """Move a file to `done/`; its new path, or None if it is not as it was seen any more. Raises `OSError`."""
        target = _free(self.done, name)
        return target if self._move(name, seen, target) else None

    def reject(self, name: str, seen: Seen, reason: str) -> Path | None:
        """Move a file to `rejected/`, its reason beside it; as `finish` otherwise. Raises `OSError`."""
        target = _free(self.rejected, name)
        unfinished = self.rejected / UNFINISHED_REASON
        unfinished.write_text(reason, encoding="utf-8")
        beside = target.with_name(target.name + REASON_SUFFIX)
        unfinished.replace(beside)
        if self._move(name, seen, target):
            return target
        beside.unlink(missing_ok=True)
        return None

    def _move(self, name: str, seen: Seen, target: Path) -> bool:
        """Rename a file if it is as it was seen; one that was replaced at that very moment is put back."""
        source = self.path / name
        if self.seen(name) != seen:
            return False
        try:
            source.rename(target)
        except FileNotFoundError:
            return False
        if _seen(target) == seen:
            return True
        target.rename(_free(self.path, name))
        return False

    def _check(self) -> None:
        device = self.path.stat().st_dev
        for folder in (self.done, self.rejected):
            folder.mkdir(exist_ok=True)
            if folder.stat().st_dev != device:
                raise FolderUnusable(
                    f"{folder} is on another file system than {self.path}.",
                    remedy="Files are moved there by renaming: keep both on one file system.",
                )


def fault_of(error: OSError) -> str:
    """What the system said, in its words and without paths."""
    return (error.strerror or type(error).__name__).lower()


def _seen(path: Path) -> Seen | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return Seen(found.st_ino, found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` that nothing has: `list.csv`, or `list.2.csv`, `list.3.csv` and so on."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - of a name, which Path would have to parse as a path first
    endings = (suffix if number == 1 else f".{number}{suffix}" for number in count(1))
    paths = (folder / (_cut(stem, NAME_BYTES_MAX - len(os.fsencode(ending))) + ending) for ending in endings)
    return next(path for path in paths if not os.path.lexists(path))


def _cut(stem: str, room_bytes: int) -> str:
    return os.fsdecode(os.fsencode(stem)[: max(room_bytes, 1)])
