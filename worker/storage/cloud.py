"""Storage in an object store: S3 and what speaks its protocol; Azure and Google by the same client, untested."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import PurePosixPath
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO, cast

from worker.storage.cloud_errors import explained
from worker.storage.cloud_reader import CloudReader
from worker.storage.errors import InvalidName, NotFound, ObjectTooLarge, StorageError, from_os_error
from worker.storage.names import check_name
from worker.storage.spool import spooled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from obstore import ObjectMeta

    from worker.storage.cloud_client import CloudClient, CloudOptions, ObjectStore

#: Bytes of one request of an upload in pieces, and how many are under way at once: their product is held in memory.
PIECE_BYTES = 8 * 1024 * 1024
PIECES_AT_ONCE = 4
#: Pieces of one object, at most. Documented: S3 takes 10,000.
PIECES_MAX = 10_000
#: Objects named by one answer to a listing, and by one request to delete. Documented: S3's most for both.
PAGE_OBJECTS = 1_000
#: Sorts after every name: an object key may hold it, and a name may not.
_AFTER_ALL = "~"
#: Field of an object's metadata that tells which call created it; Azure takes no hyphen in it.
_NONCE = "bvnonce"
#: What objects are, by the end of their names; a provider that pulls one takes no page.
_TYPES = {".csv": "text/csv", ".json": "application/json", ".jsonl": "application/x-ndjson"}


class CloudStorage:
    """A prefix in a bucket whose objects are the store's. Implements `worker.storage.port.Storage`.

    An object appears when its last request is answered, and is durable then: that is the store's promise. What `create`
    promises rests on conditional requests (`If-None-Match: *`), which `worker.storage.probe` tries at every start.

    Known limitation: pieces of an upload whose process was killed are kept by the store, invisible, until a lifecycle
    rule of the bucket removes them; the client cannot list them.
    """

    def __init__(self, client: CloudClient, options: CloudOptions) -> None:
        place = client.place
        self._client = client
        self._spool_folder = options.spool_folder
        self._plain = options.endpoint is not None and options.endpoint.startswith("http://")
        self._prefix = f"{place.path}/" if place.path else ""
        self._root_url = f"{place.scheme}://{place.bucket}/{self._prefix}"

    @property
    def _store(self) -> ObjectStore:
        return self._client.store()

    def create(self, name: str, data: bytes) -> bool:
        """See `Storage.create`. A request that was repeated, or whose answer was lost, is known by its nonce."""
        nonce = token_hex(16)
        try:
            if self._put_new(name, data, nonce):
                return True
        except StorageError:
            made = self._made_by(name, nonce)
            if made is None:
                raise
            return made
        return bool(self._made_by(name, nonce))

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """See `Storage.write`. The object is put together in a local file first."""
        check_name(name)
        with spooled(self._spool_folder, name) as file:
            yield file
            file.flush()
            self._send(name, file)

    def put_file(self, name: str, path: Path) -> None:
        """See `Storage.put_file`."""
        check_name(name)
        try:
            source = path.open("rb")
        except OSError as error:
            raise from_os_error(error, "read the local file for", name) from error
        with source:
            self._send(name, source)

    def open(self, name: str) -> BinaryIO:
        """See `Storage.open`. Reading raises `StorageUnavailable` where the object is replaced meanwhile."""
        with explained("open", name):
            reader = CloudReader(self._store, self._key(name), name)
        return cast("BinaryIO", io.BufferedReader(reader))

    def read(self, name: str, bytes_max: int) -> bytes:
        """See `Storage.read`."""
        with explained("read", name):
            found = self._store.get(self._key(name))
            if found.meta["size"] <= bytes_max:
                return bytes(found.bytes())
        raise ObjectTooLarge(
            f"object {name!r} is larger than the {bytes_max} bytes expected of it; open it as a file, "
            "or look at what wrote it",
        )

    def size(self, name: str) -> int:
        """See `Storage.size`."""
        with explained("find", name):
            return self._store.head(self._key(name))["size"]

    def list(self, folder: str = "") -> Iterator[str]:
        """See `Storage.list`. All names beneath the folder are held in memory, because stores sort otherwise."""
        names = [self._name(found) for page in self._pages(folder) for found in page]
        yield from sorted((name for name in names if _is_name(name)), key=lambda name: name.split("/"))

    def folders(self, folder: str, *, after: str = "") -> Iterator[str]:
        """See `Storage.folders`. The order is that of the store, and a folder of many objects is stepped over."""
        last, seen = after, 0
        while last is not None:
            offset = f"{folder}/{last}/{_AFTER_ALL}" if last else None
            resume = None
            for page in self._pages(folder, offset):
                for found in page:
                    head, inside, _ = self._name(found).removeprefix(f"{folder}/").partition("/")
                    if not inside or not _is_name(head):
                        continue
                    if head != last:
                        last, seen = head, 0
                        yield f"{folder}/{head}"
                    seen += 1
                if seen > PAGE_OBJECTS:
                    resume, seen = last, 0
                    break
            if resume is None:
                return

    def written_at(self, folder: str) -> float | None:
        """See `Storage.written_at`. The time is by the store's clock."""
        times = (found["last_modified"].timestamp() for page in self._pages(check_name(folder)) for found in page)
        return max(times, default=None)

    def delete(self, name: str) -> None:
        """See `Storage.delete`."""
        with suppress(NotFound), explained("delete", name):
            self._store.delete(self._key(name))

    def delete_prefix(self, folder: str) -> int:
        """See `Storage.delete_prefix`."""
        deleted = 0
        for page in self._pages(check_name(folder)):
            with explained("delete", folder):
                self._store.delete([found["path"] for found in page])
            deleted += len(page)
        return deleted

    def local_path(self, name: str) -> None:
        """See `Storage.local_path`: no object lies on this machine."""
        check_name(name)

    def url(self, name: str) -> str:
        """See `Storage.url`."""
        return self._root_url + check_name(name)

    def name_of(self, url: str) -> str | None:
        """See `Storage.name_of`."""
        try:
            return check_name(url.removeprefix(self._root_url)) if url.startswith(self._root_url) else None
        except InvalidName:
            return None

    @property
    def link_scheme(self) -> str:
        """See `Storage.link_scheme`."""
        return "http" if self._plain else "https"

    def link(self, name: str, seconds: int) -> str:
        """See `Storage.link`."""
        from obstore import sign  # noqa: PLC0415 - local storage and most commands need no client

        with explained("make a link to", name):
            return sign(self._store, "GET", self._key(name), timedelta(seconds=seconds))

    def remove_leftovers(self, older_than_seconds: float) -> int:
        """See `Storage.remove_leftovers`: there is nothing that the client could find; see the class."""
        del older_than_seconds
        return 0

    def _put_new(self, name: str, data: bytes, nonce: str) -> bool:
        """Create an object by one conditional request; False where the store has one already. Raises `StorageError`."""
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415 - as above

        with explained("create", name):
            try:
                attributes = _attributes(name) | {_NONCE: nonce}
                self._store.put(self._key(name), data, mode="create", attributes=attributes, use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def _made_by(self, name: str, nonce: str) -> bool | None:
        """Whether the object was created by the call with that nonce; `None` where there is none, or nobody knows."""
        try:
            with explained("read", name):
                return bool(self._store.get(self._key(name)).attributes.get(_NONCE) == nonce)
        except StorageError:
            return None

    def _send(self, name: str, file: BinaryIO) -> None:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        piece_bytes = max(PIECE_BYTES, -(-size_bytes // PIECES_MAX))
        with explained("write", name):
            self._store.put(
                self._key(name),
                file,
                attributes=_attributes(name),
                chunk_size=piece_bytes,
                max_concurrency=PIECES_AT_ONCE,
            )

    def _pages(self, folder: str, offset: str | None = None) -> Iterator[Sequence[ObjectMeta]]:
        """What is beneath a folder, in the order of the store, from `offset` on."""
        prefix = self._key(folder) if folder else self._prefix.rstrip("/") or None
        with explained("list", folder):
            pages = iter(self._store.list(prefix, offset=offset and self._prefix + offset, chunk_size=PAGE_OBJECTS))
        while True:
            with explained("list", folder):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _key(self, name: str) -> str:
        return self._prefix + check_name(name)

    def _name(self, found: ObjectMeta) -> str:
        return found["path"].removeprefix(self._prefix)


def _attributes(name: str) -> dict[str, str]:
    return {"Content-Type": _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")}


def _is_name(name: str) -> bool:
    """Whether an object that somebody put into the bucket could be one of ours."""
    try:
        check_name(name)
    except InvalidName:
        return False
    return True
