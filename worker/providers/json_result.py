"""A result file in JSON: `{"response": [record, …]}`, read record by record in bounded memory, checked to its end."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TextIO

from worker.providers.errors import Malformed
from worker.providers.tolerant import nested_too_deeply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Characters read from the file at a time.
BLOCK_CHARACTERS = 65_536

#: Characters of one record beyond which a file counts as damaged; a record has about 500.
RECORD_CHARACTERS_MAX = 1_048_576

_OPENING = re.compile(r'\s*\{\s*"response"\s*:\s*\[\s*')
_SEPARATOR = re.compile(r"\s*,\s*")
_CLOSING = re.compile(r"\s*\]\s*\}\s*")


def read_records(path: Path) -> Iterator[dict[str, object]]:
    """Every record of the file. Raises `Malformed` at the first thing that is none, and for a file that ends early."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        window = _Window(file, path.name)
        window.take(_OPENING, "an array of results")
        if window.ends(_CLOSING):
            return
        while True:
            yield window.record()
            if window.ends(_CLOSING):
                return
            window.take(_SEPARATOR, "a comma or the end of the array")


class _Window:
    """The part of the file that is in memory: from the reading position to the end of the last block."""

    def __init__(self, file: TextIO, name: str) -> None:
        self._file = file
        self._name = name
        self._text = ""
        self._position = 0
        self._exhausted = False
        self._decoder = json.JSONDecoder()

    def take(self, pattern: re.Pattern[str], expected: str) -> None:
        """Step over `pattern`, which has to come next."""
        self._at_least_one_block()
        match = pattern.match(self._text, self._position)
        if match is None:
            raise Malformed(f"{self._name}: {expected} was expected; the file is damaged, cut off or no result")
        self._position = match.end()

    def ends(self, pattern: re.Pattern[str]) -> bool:
        """Whether `pattern` and nothing else is left."""
        self._at_least_one_block()
        match = pattern.match(self._text, self._position)
        return self._exhausted and match is not None and match.end() == len(self._text)

    def record(self) -> dict[str, object]:
        """Step over one JSON object."""
        while True:
            try:
                value, self._position = self._decoder.raw_decode(self._text, self._position)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict) and not nested_too_deeply(value):
                return value
            # What does not decode may merely continue in the next block.
            if value is not None or self._exhausted or len(self._text) - self._position > RECORD_CHARACTERS_MAX:
                break
            self._read_block()
        raise Malformed(f"{self._name}: a record is damaged, too long or cut off")

    def _at_least_one_block(self) -> None:
        """Have so much text ahead that separators are never split, or all that is left."""
        while not self._exhausted and len(self._text) - self._position < BLOCK_CHARACTERS // 2:
            self._read_block()

    def _read_block(self) -> None:
        block = self._file.read(BLOCK_CHARACTERS)
        self._exhausted = not block
        self._text = self._text[self._position :] + block
        self._position = 0
