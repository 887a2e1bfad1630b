"""A storage under a watcher: each call of the operating system that changes it is an effect, and so is each reading.

The calls are watched where Python makes them, in `os`, for the length of `watched_files()`. Whose they are is told by a
context variable, which a `WatchedStorage` sets around each of its methods; what is done outside of them passes unseen.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeVar
from unittest import mock

from tests.builders.effects import EffectKind
from worker.storage import local
from worker.storage.errors import from_os_error
from worker.storage.object_file import ObjectFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.builders.effects import Effects
    from worker.storage import Storage

T = TypeVar("T")

#: Calls of the operating system that change what storage holds.
CHANGING = ("link", "mkdir", "replace", "unlink")


class _Acting(NamedTuple):
    """Whose storage is at work in this thread, and on what."""

    effects: Effects
    task: str


_acting: ContextVar[_Acting | None] = ContextVar("acting", default=None)


class WatchedStorage:
    """A storage of one process. Implements `worker.storage.port.Storage`."""

    def __init__(self, inner: Storage, effects: Effects) -> None:
        self._inner = inner
        self._effects = effects

    def create(self, name: str, data: bytes) -> bool:
        """See `Storage.create`."""
        with self._changing("create", name):
            return self._inner.create(name, data)

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """See `Storage.write`. What the caller does meanwhile is not the storage's doing."""
        writing = self._inner.write(name)
        with self._changing("write", name):
            file = writing.__enter__()
        try:
            yield file
        except BaseException as error:
            with self._changing("write", name):
                if not writing.__exit__(type(error), error, error.__traceback__):
                    raise
        else:
            with self._changing("write", name):
                writing.__exit__(None, None, None)

    def put_file(self, name: str, path: Path) -> None:
        """See `Storage.put_file`."""
        with self._changing("put", name):
            self._inner.put_file(name, path)

    def open(self, name: str) -> BinaryIO:
        """See `Storage.open`."""
        return self._reading("open", name, lambda: self._inner.open(name))

    def read(self, name: str, bytes_max: int) -> bytes:
        """See `Storage.read`."""
        return self._reading("read", name, lambda: self._inner.read(name, bytes_max))

    def size(self, name: str) -> int:
        """See `Storage.size`."""
        return self._reading("find", name, lambda: self._inner.size(name))

    def list(self, folder: str = "") -> Iterator[str]:
        """See `Storage.list`."""
        return iter(self._reading("list", folder, lambda: [*self._inner.list(folder)]))

    def folders(self, folder: str, *, after: str = "") -> Iterator[str]:
        """See `Storage.folders`."""
        return iter(self._reading("list", folder, lambda: [*self._inner.folders(folder, after=after)]))

    def written_at(self, folder: str) -> float | None:
        """See `Storage.written_at`."""
        return self._reading("find", folder, lambda: self._inner.written_at(folder))

    def delete(self, name: str) -> None:
        """See `Storage.delete`."""
        with self._changing("delete", name):
            self._inner.delete(name)

    def delete_prefix(self, folder: str) -> int:
        """See `Storage.delete_prefix`."""
        with self._changing("delete", folder):
            return self._inner.delete_prefix(folder)

    def local_path(self, name: str) -> Path | None:
        """See `Storage.local_path`."""
        return self._inner.local_path(name)

    def url(self, name: str) -> str:
        """See `Storage.url`."""
        return self._inner.url(name)

    def name_of(self, url: str) -> str | None:
        """See `Storage.name_of`."""
        return self._inner.name_of(url)

    @property
    def link_scheme(self) -> str | None:
        """See `Storage.link_scheme`."""
        return self._inner.link_scheme

    def link(self, name: str, seconds: int) -> str | None:
        """See `Storage.link`."""
        return self._inner.link(name, seconds)

    def remove_leftovers(self, older_than_seconds: float) -> int:
        """See `Storage.remove_leftovers`."""
        with self._changing("clean", ""):
            return self._inner.remove_leftovers(older_than_seconds)

    def _reading(self, doing: str, name: str, act: Callable[[], T]) -> T:
        def lost() -> BaseException:
            return from_os_error(_failed(), doing, name)

        return self._effects.perform(EffectKind.FILE, _task(doing, name), act, lost)

    @contextmanager
    def _changing(self, doing: str, name: str) -> Iterator[None]:
        token = _acting.set(_Acting(self._effects, _task(doing, name)))
        try:
            yield
        finally:
            _acting.reset(token)


@contextmanager
def watched_files() -> Iterator[None]:
    """Watch the calls that a `WatchedStorage` makes. Nothing is synced: processes die here, and no power fails."""
    with ExitStack() as patches:
        for name in CHANGING:
            patches.enter_context(mock.patch.object(os, name, _watched(name, getattr(os, name))))
        patches.enter_context(mock.patch.object(os, "fsync", _watched("fsync", lambda _descriptor: None)))
        patches.enter_context(mock.patch.object(local, "ObjectFile", _watched_opening(ObjectFile)))
        yield


def _watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        acting = _acting.get()
        if acting is None:
            return call(*args, **options)
        task = f"{acting.task}: {name}"
        return acting.effects.perform(EffectKind.FILE, task, lambda: call(*args, **options), _failed)

    return watched


def _watched_opening(make: Callable[..., BinaryIO]) -> Callable[..., BinaryIO]:
    """As `_watched`; a file that its process does not get to see is closed, as the system does for a dead process."""

    def watched(*args: Any) -> BinaryIO:
        opened: list[BinaryIO] = []

        def act(*args: Any) -> BinaryIO:
            opened.append(make(*args))
            return opened[0]

        try:
            file: BinaryIO = _watched("open", act)(*args)
        except BaseException:
            for unseen in opened:
                unseen.close()
            raise
        return file

    return watched


def _failed() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def _task(doing: str, name: str) -> str:
    """What is done to an object, without the names that differ from upload to upload."""
    first, *_, last = name.split("/") if "/" in name else (name, "")
    return f"{doing} {first}/{last}".rstrip("/ ")
