"""Records sorted into files that are small enough to be worked on in memory, one after the other."""

from __future__ import annotations

from contextlib import ExitStack
from struct import Struct
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Bytes of a file that wait in memory while it is written.
_BUFFER_BYTES = 16 * 1024
#: Records read at a time.
_READ_RECORDS = 4_096


class Buckets:
    """A context with as many buckets as asked for, all empty; what is in them is gone at its end. Raises `OSError`.

    Records have one shape, given as a format of the struct module, and come back from their bucket in the order in
    which they went in. The files lie in the private `folder` and begin with `name`.
    """

    def __init__(self, folder: Path, name: str, count: int, shape: str) -> None:
        self.count = count
        self._paths = [folder / f"{name}-{bucket:03d}" for bucket in range(count)]
        self._struct = Struct(shape)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            opened = [stack.enter_context(path.open("wb+", buffering=_BUFFER_BYTES)) for path in self._paths]
            stack.pop_all()
        self._files = opened
        return self

    def __exit__(self, *_: object) -> None:
        for file, path in zip(self._files, self._paths, strict=True):
            file.close()
            path.unlink(missing_ok=True)

    def add(self, chosen: Iterable[int], records: Iterable[tuple[object, ...]]) -> None:
        """Put each record into the bucket that is `chosen` for it."""
        packed: list[list[bytes]] = [[] for _ in self._files]
        for bucket, record in zip(chosen, records, strict=True):
            packed[bucket].append(self._struct.pack(*record))
        for file, mine in zip(self._files, packed, strict=True):
            file.write(b"".join(mine))

    def read(self, bucket: int) -> Iterator[tuple[Any, ...]]:
        """The records of one bucket; it takes no further ones."""
        file = self._files[bucket]
        file.seek(0)
        while data := file.read(_READ_RECORDS * self._struct.size):
            yield from self._struct.iter_unpack(data)
