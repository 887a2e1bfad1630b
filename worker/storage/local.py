"""Storage in a folder: a local disk, or a shared mount such as NFS."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

from worker.storage.durable import sync_folders, sync_path
from worker.storage.errors import InvalidName, NotFound, ObjectTooLarge, from_os_error
from worker.storage.names import check_name
from worker.storage.object_file import ObjectFile, filled
from worker.storage.synced_folders import SyncedFolders

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where unfinished objects are written. No object's name can start with a dot.
_UNFINISHED = ".unfinished"
#: Bytes copied at a time.
_COPY_BYTES = 1024 * 1024


class LocalStorage:
    """A folder whose files are the objects. Implements `worker.storage.port.Storage`.

    An object is written to a private file, synced, and only then linked or renamed to its name; then every folder above
    it is synced, by `create` each time, by `write` where that is not known to have been done.

    A root that does not exist is created for its owner only; in one that exists, the umask rules.

    Known limitation: on a file system that ignores case, names that differ only in case are the same object.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED
        self._folders = SyncedFolders(root)
        try:
            if not root.is_dir():
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                sync_path(root.parent)
            self._unfinished.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, "open", str(root)) from error

    def create(self, name: str, data: bytes) -> bool:
        """See `Storage.create`."""
        target = self._path(name)
        private = self._private_path()
        try:
            with _private_file(private, name) as file:
                file.write(data)
            sync_path(private)
            target.parent.mkdir(parents=True, exist_ok=True)
            created = _link(private, target)
            # Also when it was there: its creator may have died before it made the name durable.
            sync_folders(target.parent, self._root)
        except OSError as error:
            raise from_os_error(error, "create", name) from error
        finally:
            private.unlink(missing_ok=True)
        return created

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """See `Storage.write`."""
        target = self._path(name)
        private = self._private_path()
        try:
            with _private_file(private, name) as file:
                yield file
            self._publish(private, target, name)
        finally:
            private.unlink(missing_ok=True)

    def put_file(self, name: str, path: Path) -> None:
        """See `Storage.put_file`."""
        try:
            source = path.open("rb")
        except OSError as error:
            raise from_os_error(error, "read the local file for", name) from error
        with source, self.write(name) as file:
            shutil.copyfileobj(source, file, _COPY_BYTES)

    def open(self, name: str) -> BinaryIO:
        """See `Storage.open`."""
        try:
            return self._path(name).open("rb")
        except OSError as error:
            raise from_os_error(error, "open", name) from error

    def read(self, name: str, bytes_max: int) -> bytes:
        """See `Storage.read`."""
        with self.open(name) as file:
            try:
                data = file.read(bytes_max + 1)
            except OSError as error:
                raise from_os_error(error, "read", name) from error
        if len(data) > bytes_max:
            raise ObjectTooLarge(
                f"object {name!r} is larger than the {bytes_max} bytes expected of it; open it as a file, "
                "or look at what wrote it",
            )
        return data

    def size(self, name: str) -> int:
        """See `Storage.size`."""
        path = self._path(name)
        try:
            if not path.is_dir():
                return path.stat().st_size
        except OSError as error:
            raise from_os_error(error, "find", name) from error
        raise NotFound(f"storage could not find {name!r}: it is a folder of objects; name one of those")

    def list(self, folder: str = "") -> Iterator[str]:
        """See `Storage.list`."""
        path = self._path(folder) if folder else self._root
        try:
            entries = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in os.scandir(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise from_os_error(error, "list", folder) from error
        for entry_name, is_folder in entries:
            name = f"{folder}/{entry_name}" if folder else entry_name
            if entry_name.startswith("."):
                continue
            if is_folder:
                yield from self.list(name)
            else:
                yield name

    def folders(self, folder: str, *, after: str = "") -> Iterator[str]:
        """See `Storage.folders`."""
        try:
            with os.scandir(self._path(folder)) as entries:
                found = [entry.name for entry in entries if entry.name > after and entry.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise from_os_error(error, "list", folder) from error
        yield from (f"{folder}/{name}" for name in sorted(found) if not name.startswith("."))

    def written_at(self, folder: str) -> float | None:
        """See `Storage.written_at`."""
        newest: float | None = None
        for name in self.list(folder):
            try:
                written_at = self._path(name).stat().st_mtime
            except FileNotFoundError:
                continue
            except OSError as error:
                raise from_os_error(error, "find", name) from error
            newest = written_at if newest is None else max(newest, written_at)
        return newest

    def delete(self, name: str) -> None:
        """See `Storage.delete`."""
        target = self._path(name)
        try:
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                sync_path(target.parent)
        except OSError as error:
            raise from_os_error(error, "delete", name) from error

    def delete_prefix(self, folder: str) -> int:
        """See `Storage.delete_prefix`."""
        top = self._path(folder)
        deleted = 0
        for here, _, files in os.walk(top, topdown=False):
            try:
                for file in files:
                    Path(here, file).unlink()
                    deleted += 1
                Path(here).rmdir()
            except OSError as error:
                raise from_os_error(error, "delete", folder) from error
        return deleted

    def local_path(self, name: str) -> Path:
        """See `Storage.local_path`."""
        return self._path(name)

    def url(self, name: str) -> str:
        """See `Storage.url`."""
        return self._path(name).absolute().as_uri()

    def name_of(self, url: str) -> str | None:
        """See `Storage.name_of`. Names need no escapes, so an address with one is none of this storage."""
        beginning = self.url("x").removesuffix("x")
        try:
            return check_name(url.removeprefix(beginning)) if url.startswith(beginning) else None
        except InvalidName:
            return None

    @property
    def link_scheme(self) -> None:
        """See `Storage.link_scheme`."""

    def link(self, name: str, seconds: int) -> None:
        """See `Storage.link`: files are not served by anybody."""
        del seconds
        check_name(name)

    def remove_leftovers(self, older_than_seconds: float) -> int:
        """See `Storage.remove_leftovers`."""
        removed = 0
        try:
            for path in self._unfinished.iterdir():
                if time.time() - path.stat().st_mtime >= older_than_seconds:
                    path.unlink()
                    removed += 1
        except FileNotFoundError:
            # Its writer, or another cleaner, was quicker; the rest is for the next time.
            return removed
        except OSError as error:
            raise from_os_error(error, "clean", _UNFINISHED) from error
        return removed

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _private_path(self) -> Path:
        return self._unfinished / f"{os.getpid()}-{token_hex(8)}"

    def _publish(self, private: Path, target: Path, name: str) -> None:
        """Give a complete private file its name, durably."""
        try:
            sync_path(private)
            self._folders.make(target.parent)
            private.replace(target)
            self._folders.sync(target.parent)
        except OSError as error:
            raise from_os_error(error, "write", name) from error


@contextmanager
def _private_file(path: Path, name: str) -> Iterator[BinaryIO]:
    """A new private file for the object `name`, complete on leaving unless with an exception."""
    try:
        raw = ObjectFile(path, "x+b", name, "write")
    except OSError as error:
        raise from_os_error(error, "write", name) from error
    with filled(raw) as file:
        yield file


def _link(private: Path, target: Path) -> bool:
    """Give a private file its public name; whether it was this call that did it."""
    try:
        target.hardlink_to(private)
    except FileExistsError:
        # NFS may repeat a request whose answer was lost: a second link to our own file shows that the first one worked.
        return private.stat().st_nlink > 1
    return True
