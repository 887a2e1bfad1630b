"""Collected verdicts of one part: JSON Lines, one object per verdict, the same shape for every provider.

Each line is ``{"value": …, "verdict": …, "columns": {name: text, …}}``; the columns are the provider's own.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import orjson

from worker.providers.port import Verdict, VerdictWord
from worker.rows.digest import measured_text
from worker.rows.errors import CollectedUnreadable
from worker.rows.values import fold_key, values_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from worker.providers.port import Kind

#: Bytes of one line: a value and all columns of its verdict.
LINE_BYTES_MAX = 4 * 1024 * 1024

#: How JSON spells a NUL. A line that has it may still spell something else: a backslash before these characters.
_ENCODED_NUL = "\\u0000"

_WORDS = frozenset(word.value for word in VerdictWord)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class CollectedPart:
    """What there is of a part that was collected, on local disk."""

    #: The verdicts, as `write_verdicts` wrote them.
    path: Path
    #: The values that were sent, as staging wrote them.
    values: Path
    #: When the provider checked the values, ISO 8601.
    checked_at: str


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of an upload: a slice of the values, which follows on that of the part before it."""

    index: int
    #: Values in it.
    rows: int
    #: None where no verdicts came of it.
    collected: CollectedPart | None


@dataclass(frozen=True, slots=True)
class CollectedSummary:
    """What a file of collected verdicts holds."""

    rows: int
    #: Digest of the values, whatever their order: equals that of the part when the provider answered for each once.
    values_digest: str
    #: Digest of the file's bytes.
    sha256: str
    #: The provider's columns in the order they were first seen.
    columns: tuple[str, ...]
    #: Verdicts by word.
    verdicts: Mapping[str, int]


def write_verdicts(verdicts: Iterable[Verdict], kind: Kind, out: BinaryIO) -> CollectedSummary:
    """Write verdicts to a binary file, one by one; `out` is left open, with everything in it.

    NUL characters in the provider's columns become U+FFFD, as whatever else no text can hold: many readers of CSV,
    databases among them, take a NUL for the end of the text, or refuse the file.
    """
    columns: dict[str, None] = {}
    words: Counter[str] = Counter()

    def keys() -> Iterator[str]:
        for verdict in verdicts:
            own = dict(verdict.columns)
            line = _encode({"value": verdict.value, "verdict": verdict.word.value, "columns": own})
            if _ENCODED_NUL in line:
                own = {_without_nul(name): _without_nul(cell) for name, cell in own.items()}
                line = _encode({"value": verdict.value, "verdict": verdict.word.value, "columns": own})
            text.write(line + "\n")
            columns.update(dict.fromkeys(own))
            words[verdict.word.value] += 1
            yield fold_key(kind, verdict.value)

    with measured_text(out) as (text, measured):
        digest = values_digest(keys())
    return CollectedSummary(words.total(), digest, measured.sha256, tuple(columns), dict(words))


def _without_nul(text: str) -> str:
    return text.replace("\0", "\ufffd")


def read_verdicts(source: BinaryIO, name: str) -> Iterator[Verdict]:
    """The verdicts in a file that `write_verdicts` wrote, one by one.

    `name` is the object's name for messages. Raises `CollectedUnreadable` with the line.
    """
    for _, value, word, columns in read_placed(source, name):
        yield Verdict(value, VerdictWord(word), columns)


def read_placed(source: BinaryIO, name: str) -> Iterator[tuple[int, str, str, dict[str, str]]]:
    """Place, value, verdict word and columns of every verdict, as `read_verdicts` gives them but not yet objects.

    The place is that of the verdict's line: bytes from the beginning of the file.
    """
    place = number = 0
    while line := source.readline(LINE_BYTES_MAX):
        number += 1
        try:
            yield place, *parse_verdict(line)
        except (ValueError, KeyError, TypeError):
            raise CollectedUnreadable(
                f"{name}: line {number} is not a collected verdict; the object is damaged, collect the part again",
            ) from None
        place += len(line)


def parse_verdict(line: bytes) -> tuple[str, str, dict[str, str]]:
    """Value, verdict word and columns in one line. Raises `ValueError`, `KeyError` or `TypeError` for another line."""
    record = orjson.loads(line)
    value, word, columns = record["value"], record["verdict"], record["columns"]
    if word not in _WORDS or not isinstance(value, str) or not isinstance(columns, dict):
        raise ValueError
    return value, word, columns
