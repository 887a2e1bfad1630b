"""The port that every kind of storage implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

from worker.storage.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class Storage(Protocol):
    """Named objects that appear whole or not at all, and are durable when a call returns.

    Names are relative POSIX paths (see `worker.storage.names`); a *folder* is a name with objects beneath it.
    Every method raises `StorageError`. Instances are safe to use from several threads and processes.
    """

    def create(self, name: str, data: bytes) -> bool:
        """Create an object that must not exist: of all callers ever, one gets True, and only once it is durable.

        False says that a durable object of this name is already there; it is left as it is.
        """

    def write(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write to; on leaving without an exception it becomes the object, replacing an older one at once.

        On an exception nothing is published and the older object stays. The file may also be read and sought.
        """

    def put_file(self, name: str, path: Path) -> None:
        """Copy a local file to an object, replacing an older one at once."""

    def open(self, name: str) -> BinaryIO:
        """The object as a file, positioned at its beginning. Raises `NotFound`."""

    def read(self, name: str, bytes_max: int) -> bytes:
        """The whole object. Raises `NotFound`, or `ObjectTooLarge` above `bytes_max`."""

    def size(self, name: str) -> int:
        """The object's size in bytes. Raises `NotFound`."""

    def list(self, folder: str = "") -> Iterator[str]:
        """Names of all objects beneath `folder` (everything by default), sorted segment by segment."""

    def folders(self, folder: str, *, after: str = "") -> Iterator[str]:
        """Names of the folders directly beneath `folder` that come after the last segment `after`.

        The order is the storage's own and always the same, so that a walk can stop and go on; plain words are sorted.
        """

    def written_at(self, folder: str) -> float | None:
        """When the newest object beneath `folder` was written, epoch seconds; None when there is none."""

    def delete(self, name: str) -> None:
        """Delete an object, durably when the call returns. One that is not there is no error."""

    def delete_prefix(self, folder: str) -> int:
        """Delete every object beneath `folder` and return how many there were. Nothing there is no error.

        Known limitation: an object written there meanwhile may or may not survive.
        """

    def local_path(self, name: str) -> Path | None:
        """Where the object lies on this machine, to be read in place; None where it has to be copied first."""

    def url(self, name: str) -> str:
        """The object's address for people and applications; carries no credentials."""

    def name_of(self, url: str) -> str | None:
        """The name of which `url` would give this very address; None for the address of anything else."""

    @property
    def link_scheme(self) -> str | None:
        """How the links of `link` begin, `https` or `http`; None where there are none. Nobody is asked."""

    def link(self, name: str, seconds: int) -> str | None:
        """An address by which anybody can fetch the object for so long, so a secret; None where there are no links."""

    def remove_leftovers(self, older_than_seconds: float) -> int:
        """Remove what crashed writers left behind, invisible to `list`, and return how many there were."""


def exists(storage: Storage, name: str) -> bool:
    """Whether there is such an object. Raises `StorageError`."""
    try:
        storage.size(name)
    except NotFound:
        return False
    return True
