"""An object of a store as a file: read in blocks, each a request of its own, so that no request outlasts its limit."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from worker.storage.cloud_errors import explained

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from worker.storage.cloud_client import ObjectStore

#: Bytes of one request, and of what is held in memory.
BLOCK_BYTES = 8 * 1024 * 1024


class CloudReader(io.RawIOBase):
    """One version of an object, from its beginning. A later block of another version is refused, not mixed in."""

    def __init__(self, store: ObjectStore, key: str, name: str) -> None:
        """Fetch the first block of the object `key`, called `name`; raises `NotFound`, `StorageUnavailable`."""
        super().__init__()
        self._store, self._key, self._name = store, key, name
        with explained("open", name):
            found = store.get(key)
            self._size = found.meta["size"]
            self._tag = found.meta["e_tag"]
            # A small object is taken whole; of a larger one a block, and the rest of the answer is dropped.
            first = found.bytes() if self._size <= BLOCK_BYTES else next(iter(found.stream(min_chunk_size=BLOCK_BYTES)))
        self._block, self._block_at, self._at = memoryview(first), 0, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is; what was left is fetched again."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a position, which may be behind the end; raises `ValueError` before the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("negative position in an object")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill as much of `buffer` as one block has; 0 at the end. Raises `StorageUnavailable`."""
        if self._at >= self._size:
            return 0
        if not self._block_at <= self._at < self._block_at + len(self._block):
            self._fetch()
        with memoryview(buffer).cast("B") as target:
            piece = self._block[self._at - self._block_at :][: len(target)]
            target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _fetch(self) -> None:
        end = min(self._at + BLOCK_BYTES, self._size)
        with explained("read", self._name):
            found = self._store.get(self._key, options={"range": (self._at, end), "if_match": self._tag})
            self._block, self._block_at = memoryview(found.bytes()), self._at
