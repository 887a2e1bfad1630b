"""A list as plain text: one that was sent compressed with gzip is decompressed, the one time it is read.

The file as it was sent is what is stored; its digest is that of the text, see `producers.content`. Everybody who
reads rows (preparing, delivering, a dry run) reads the plain list, made anew in a private folder.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producers.content import GZIP_MAGIC
from worker.rows.errors import CompressionDamaged, InputChanged, InputTooLarge, InputUnreadable, ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from pathlib import Path
    from typing import BinaryIO

#: What its name ends in, if it says so.
GZIP_SUFFIX = ".gz"
#: Bytes read, or decompressed, at once.
BLOCK_BYTES = 1024 * 1024
#: Folder, inside the private one, of the plain list: no other intermediate file has its name there.
PLAIN_FOLDER = "plain"


@dataclass(frozen=True, slots=True)
class PlainList:
    """The text of a list in the file `path`, with the digest of that text."""

    path: Path
    sha256: str
    #: Bytes of the list as it was sent.
    sent_bytes: int
    #: Bytes of the text, where it was decompressed.
    decompressed_bytes: int | None = None

    @property
    def why(self) -> str:
        """How the list was made plain, in words, for the timeline; empty where it was so from the beginning."""
        if self.decompressed_bytes is None:
            return ""
        return f"decompressed with gzip from {self.sent_bytes:,} to {self.decompressed_bytes:,} bytes"


def plain_list(sent: Path, sha256: str, folder: Path, *, bytes_max: int, name: str) -> PlainList:
    """The text of the file `sent`, of that digest: the file itself, or in the private `folder` what it decompresses to.

    That the digest of an uncompressed file is right is left to whoever reads it. Of a compressed one it is checked, or
    that of the file as it was sent, which earlier versions recorded; and so is all of it: several members are one text,
    and behind the last there may be nothing but NUL bytes.
    Raises `InputError` (`InputChanged`, `CompressionDamaged`, `InputTooLarge` beyond `bytes_max` of text), which calls
    the list `name`, and `ScratchFailed`.
    """
    try:
        with sent.open("rb") as file:
            sent_bytes = sent.stat().st_size
            if file.read(len(GZIP_MAGIC)) != GZIP_MAGIC:
                return PlainList(sent, sha256, sent_bytes)
            file.seek(0)
            path = folder / PLAIN_FOLDER / (sent.name.removesuffix(GZIP_SUFFIX) or PLAIN_FOLDER)
            digest, plain_bytes = _written(_within(_blocks(file, name), bytes_max, name), path)
            file.seek(0)
            if digest != sha256 != hashlib.file_digest(file, "sha256").hexdigest():
                raise InputChanged(f"{name} is not the list that was accepted: it changed meanwhile. Submit it again.")
    except OSError as error:
        raise InputUnreadable(f"{name} cannot be read ({error.strerror}); check the disk or mount") from error
    return PlainList(path, digest, sent_bytes, plain_bytes)


def _blocks(file: BinaryIO, name: str) -> Iterator[bytes]:
    """What a compressed file decompresses to, block by block."""
    fault = ""
    with gzip.GzipFile(fileobj=file) as text:
        while not fault:
            try:
                block = text.read(BLOCK_BYTES)
            except EOFError:
                fault = "the file is cut off"
            except (gzip.BadGzipFile, zlib.error):
                fault = "what follows is damaged, or is not gzip"
            else:
                if not block:
                    return
                yield block
    raise CompressionDamaged(
        f"{name} is compressed with gzip, and cannot be decompressed to its end: {fault}; compress the list again, "
        "or send it as it is"
    )


def _within(blocks: Iterable[bytes], bytes_max: int, name: str) -> Iterator[bytes]:
    """The blocks, as long as they are not more than `bytes_max` together: a small file may hold any number of bytes."""
    total_bytes = 0
    for block in blocks:
        total_bytes += len(block)
        if total_bytes > bytes_max:
            raise InputTooLarge(
                f"{name}: decompressed, there are more than the {bytes_max:,} bytes allowed; split it, "
                "or see BULKVERIFY_INPUT_BYTES_MAX"
            )
        yield block


def _written(blocks: Iterator[bytes], path: Path) -> tuple[str, int]:
    """Write blocks to the file `path`; their digest, and their bytes."""
    digest, total_bytes = hashlib.sha256(), 0
    try:
        path.parent.mkdir(exist_ok=True)
        out = path.open("wb", buffering=0)
    except OSError as error:
        raise _unwritten(path, error) from error
    with out:
        for block in blocks:
            digest.update(block)
            total_bytes += len(block)
            _write(out, block, path)
    return digest.hexdigest(), total_bytes


def _write(out: FileIO, block: bytes, path: Path) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[out.write(rest) :]
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ScratchFailed:
    return ScratchFailed(
        f"{path.name} cannot be written ({error.strerror}); check free space and permissions of its folder"
    )
