"""Readers of everything that a running installation writes: each hands every piece of it to the search.

A reader goes through a whole sink, and returns what it read beside what it found, so that a test can tell a clean sink
from one that was never looked into.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from tests.builders.canary import Canaries, Hit

#: Levels of archives in archives that are opened.
NESTING_MAX = 4
#: Entries of a stream, or members of a set, that are read at once.
BATCH = 1_000


@dataclass
class Reading:
    """What was read, by place, and what was found in it."""

    canaries: Canaries
    hits: list[Hit] = field(default_factory=list)
    #: Bytes read by `sink: place`.
    places: dict[str, int] = field(default_factory=dict)

    def look(self, sink: str, place: str, data: bytes | str) -> None:
        """Search one piece."""
        name = f"{sink}: {place}"
        self.places[name] = self.places.get(name, 0) + len(data)
        self.hits += self.canaries.hits(sink, place, data)

    def outputs(self, texts: dict[str, str]) -> Reading:
        """Search outputs of commands and processes by name."""
        for name, text in texts.items():
            self.look("output", name, text)
        return self

    def files(self, folder: Path, by_design: Collection[Path] = ()) -> Reading:
        """Search every file below `folder`, opened where it is compressed, and its name; links by where they lead.

        `by_design` are the files that hold a secret because that is what they are for.
        """
        assert all(path.is_file() for path in by_design)
        for path in sorted(folder.rglob("*")):
            place = str(path.relative_to(folder))
            self.look("file name", place, place)
            if path.is_symlink():
                self.look("link", place, str(path.readlink()))
            elif path.is_file() and path not in by_design:
                self._unpack(place, path.read_bytes(), NESTING_MAX)
        return self

    def _unpack(self, place: str, data: bytes, nesting: int) -> None:
        self.look("file", place, data)
        if not nesting:
            return
        if data[:2] == b"\x1f\x8b":
            self._unpack(f"{place} (gzip)", gzip.decompress(data), nesting - 1)
        elif data[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    self.look("file name", f"{place}/{member.filename}", member.filename)
                    self._unpack(f"{place}/{member.filename}", archive.read(member), nesting - 1)

    def database(self, url: str, sink: str = "redis") -> Reading:
        """Search every key of a logical database by its type, and what the server remembers of commands."""
        client: Any = redis.Redis.from_url(url)
        with closing(client):
            for key in client.scan_iter(count=BATCH):
                kind = client.type(key).decode()
                place = f"{kind} {key.decode(errors='replace')}"
                self.look(sink, "key", key)
                # A key that has expired since it was named has nothing left to read.
                if kind != "none":
                    self.look(sink, place, b"\n".join(READERS[kind](client, key)))
            for command in ("SLOWLOG GET 1000", "CLIENT LIST", "ACL LOG"):
                self.look(sink, command, repr(client.execute_command(command)))
        return self


def fetched(url: str) -> str:
    """A page as it is served now, with its headers."""
    with urlopen(url, timeout=10) as answer:
        return f"{answer.headers}\n{answer.read().decode()}"


def _string(client: Any, key: bytes) -> Iterator[bytes]:
    yield client.get(key) or b""


def _hash(client: Any, key: bytes) -> Iterator[bytes]:
    for name, value in client.hscan_iter(key, count=BATCH):
        yield from (name, value)


def _list(client: Any, key: bytes) -> Iterator[bytes]:
    yield from client.lrange(key, 0, -1)


def _set(client: Any, key: bytes) -> Iterator[bytes]:
    yield from client.sscan_iter(key, count=BATCH)


def _sorted_set(client: Any, key: bytes) -> Iterator[bytes]:
    for member, _ in client.zscan_iter(key, count=BATCH):
        yield member


def _stream(client: Any, key: bytes) -> Iterator[bytes]:
    """Entries, then groups, their consumers and what these have taken and not answered."""
    start = "-"
    while entries := client.xrange(key, min=start, count=BATCH):
        for entry, fields in entries:
            yield entry
            for name, value in fields.items():
                yield from (name, value)
        start = f"({entries[-1][0].decode()}"
    for group in client.xinfo_groups(key):
        yield group["name"]
        for consumer in client.xinfo_consumers(key, group["name"]):
            yield consumer["name"]
        start = "-"
        while pending := client.xpending_range(key, group["name"], start, "+", BATCH):
            for taken in pending:
                yield from (taken["consumer"], taken["message_id"])
            start = f"({pending[-1]['message_id'].decode()}"


#: How each type of key is read, whole; a type that is not here makes the search fail.
READERS: dict[str, Callable[[Any, bytes], Iterator[bytes]]] = {
    "string": _string,
    "hash": _hash,
    "list": _list,
    "set": _set,
    "zset": _sorted_set,
    "stream": _stream,
}
