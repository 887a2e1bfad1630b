"""What a list holds, as a digest: of its text, however it was compressed, so that the same list is always the same.

Applications, intake and preparing use this one reading, in a single pass and at bounded memory.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How a file begins that was compressed with gzip (RFC 1952).
GZIP_MAGIC = b"\x1f\x8b"
#: Most bytes of text that are looked at, of any list: workers can be set to take no larger one.
TEXT_BYTES_MAX = 2**44
#: Bytes decompressed at once.
_BLOCK_BYTES = 1024 * 1024
#: What tells zlib to expect a member of a gzip file, with the largest window.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class ContentDigest:
    """The digests of a list that is given block by block.

    Of a list that was compressed with gzip the text is what counts: several members are one text, and NUL bytes behind
    them are none of it. One that is damaged, or has more than `text_bytes_max` of text, is what its own bytes are; it
    fails when it is staged.
    """

    def __init__(self, text_bytes_max: int = TEXT_BYTES_MAX) -> None:
        self._sent = hashlib.sha256()
        self._text = hashlib.sha256()
        self._text_bytes_left = text_bytes_max
        self._beginning = b""
        self._gunzip: _Gunzip | None = None

    def update(self, block: bytes) -> None:
        """Take the next bytes of the list as it was sent."""
        self._sent.update(block)
        if len(self._beginning) < len(GZIP_MAGIC):
            self._beginning = block = self._beginning + block
            if self._beginning.startswith(GZIP_MAGIC):
                self._gunzip = _Gunzip()
            self._beginning = self._beginning[: len(GZIP_MAGIC)]
        if self._gunzip is None:
            return
        try:
            for text in self._gunzip.texts(block):
                self._text.update(text)
                self._text_bytes_left -= len(text)
                if self._text_bytes_left < 0:
                    self._gunzip = None
                    return
        except zlib.error:
            self._gunzip = None

    @property
    def sent_sha256(self) -> str:
        """SHA-256, hexadecimal, of the bytes as they were sent."""
        return self._sent.hexdigest()

    @property
    def sha256(self) -> str:
        """SHA-256, hexadecimal, of what the list holds."""
        whole = self._gunzip is not None and self._gunzip.is_at_end
        return (self._text if whole else self._sent).hexdigest()


class _Gunzip:
    """Decompresses the members of a gzip file one after the other."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WINDOW)

    def texts(self, block: bytes) -> Iterator[bytes]:
        """What the next bytes decompress to, in pieces. Raises `zlib.error` for what is damaged, or is not gzip."""
        while block:
            if self._member.eof:
                block = block.lstrip(b"\0")
                if not block:
                    return
                self._member = zlib.decompressobj(_GZIP_WINDOW)
            yield self._member.decompress(block, _BLOCK_BYTES)
            block = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    @property
    def is_at_end(self) -> bool:
        """Whether the last member is complete."""
        return self._member.eof
