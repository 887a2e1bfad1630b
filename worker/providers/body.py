"""Request bodies streamed from a file: length known beforehand, memory constant, readable any number of times."""

from __future__ import annotations

import csv
import json
import secrets
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

from worker.providers.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Bytes handed to the socket at a time: the send timeout covers one such block.
CHUNK_BYTES = 262_144

#: Values encoded at a time; at most some 250 bytes each, so a block stays near `CHUNK_BYTES`.
BATCH_ROWS = 1_000


class Body(Protocol):
    """A body of known length and type. Each iteration yields it anew from its beginning."""

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


class FormFile:
    """`multipart/form-data` with exactly one file, and text fields before it if there are any.

    A file that shrinks while it is read yields fewer bytes than the length said, which the sender takes as not sent.
    """

    def __init__(self, path: Path, file_name: str, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """`file_name` and the names of `fields` must be free of quotes and line ends."""
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        texts = (f"{_disposition(boundary, name)}\r\n\r\n{text}\r\n" for name, text in fields.items())
        file_head = f'{_disposition(boundary, "file")}; filename="{file_name}"\r\nContent-Type: text/csv\r\n\r\n'
        self._head = "".join((*texts, file_head)).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._path = path
        self._file_bytes = path.stat().st_size

    def __len__(self) -> int:
        return len(self._head) + self._file_bytes + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        left_bytes = self._file_bytes
        with self._path.open("rb") as file:
            while left_bytes and (chunk := file.read(min(left_bytes, CHUNK_BYTES))):
                left_bytes -= len(chunk)
                yield chunk
        if not left_bytes:
            yield self._tail


class FormFields:
    """`application/x-www-form-urlencoded`: text fields and nothing else, small enough to be held in memory."""

    content_type = "application/x-www-form-urlencoded"

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._content = urlencode(fields).encode()

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


class JsonValues:
    """A JSON object of given `fields` and, last, one array with the values of a file of one CSV cell per line.

    With `cells` each value is an array of one, as a row of one cell. The file is read twice: once for length and count,
    once to be sent. So the fields, which hold the key, never touch a disk.
    """

    content_type = "application/json"

    def __init__(self, fields: Mapping[str, object], array: str, path: Path, *, cells: bool = False) -> None:
        """Raises `Refused` for a line that is not one cell."""
        self._head = json.dumps({**fields, array: []})[:-2].encode()
        self._tail = b"]}"
        self._path = path
        self._cells = cells
        #: Values in the array.
        self.rows = 0
        self._array_bytes = 0
        for rows, block in self._blocks():
            self.rows += rows
            self._array_bytes += len(block)

    def __len__(self) -> int:
        return len(self._head) + self._array_bytes + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        for _, block in self._blocks():
            yield block
        yield self._tail

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        separator = ""
        with self._path.open(encoding="utf-8", newline="") as file:
            values = _cells(file)
            while batch := list(islice(values, BATCH_ROWS)):
                items = [[value] for value in batch] if self._cells else batch
                yield len(batch), (separator + json.dumps(items)[1:-1]).encode()
                separator = ", "


def _disposition(boundary: str, name: str) -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'


def _cells(lines: Iterator[str]) -> Iterator[str]:
    for number, row in enumerate(csv.reader(lines), start=1):
        if len(row) != 1:
            raise Refused(
                f"line {number} of the staged file has {len(row)} cells where one value is expected; stage it again"
            )
        yield row[0]
