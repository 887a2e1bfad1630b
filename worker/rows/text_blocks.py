"""A file's text in blocks of whole lines, decoded strictly."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from worker.rows.encoding import not_in_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import RawIOBase

#: Bytes decoded at a time.
BLOCK_BYTES = 256 * 1024


class TextBlocks:
    """An iterator over blocks of text that end where a line ends (LF, CRLF or CR), but for the last one of a file.

    That line is a row's last one where quotes tell rows apart; where they do not, the row goes on in the next block.
    A block without any line end is given as it is once it has more than `characters_max`. Raises `EncodingUnclear`,
    which calls the file `name` and has the line.
    """

    def __init__(self, file: RawIOBase, encoding: str, name: str, characters_max: int, block_bytes: int) -> None:
        self._file = file
        self._name = name
        self._characters_max = characters_max
        self._block_bytes = block_bytes
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
        #: Lines before the latest block.
        self.lines_before = 0
        self._lines_next = 0
        self._blocks = self._read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        block = next(self._blocks)
        self.lines_before = self._lines_next
        self._lines_next += line_ends(block)
        return block

    def _read(self) -> Iterator[str]:
        kept = ""
        while data := self._file.read(self._block_bytes):
            kept += self._decoded(data, kept)
            # A CR that comes last may be the first half of a CRLF.
            end = end_of_rows(kept) or kept.rfind("\n") + 1 or kept.rfind("\r", 0, -1) + 1
            if not end and len(kept) > self._characters_max + 1:
                end = len(kept) - kept.endswith("\r")
            if end:
                yield kept[:end]
                kept = kept[end:]
        kept += self._decoded(b"", kept)
        if kept:
            yield kept

    def _decoded(self, data: bytes, kept: str) -> str:
        try:
            return self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = bytes(error.object[: error.start])
            split = kept.endswith("\r") and before.startswith(b"\n")
            line = self._lines_next + line_ends(kept) + before.count(b"\n") - split + 1
            raise not_in_encoding(self._name, line, error) from None
        except UnicodeError as error:
            raise not_in_encoding(self._name, self._lines_next + line_ends(kept) + 1, error) from None


def line_ends(text: str) -> int:
    """How many lines end in a text."""
    ends = text.count("\n")
    return ends + text.count("\r") - text.count("\r\n") if "\r" in text else ends


def end_of_rows(text: str) -> int:
    """Where the last whole row of a text ends that has LF at its end, going by its quotes; 0 where none does."""
    end = text.rfind("\n") + 1
    odd = text.count('"', 0, end) % 2
    while odd:
        start = text.rfind("\n", 0, text.rfind('"', 0, end)) + 1
        odd ^= text.count('"', start, end) % 2
        end = start
    return end
