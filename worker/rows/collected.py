"""Collected verdicts of one part: JSON Lines, one object per verdict, the same shape for every provider.

Each line is ``{"value": …, "verdict": …, "columns": {name: text, …}}``; the columns are the provider's own.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from worker.providers.port import Verdict, VerdictWord
from worker.rows.digest import measured_text
from worker.rows.errors import CollectedUnreadable
from worker.rows.values import fold_key, values_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from worker.providers.port import Kind

#: Bytes of one line: a value and all columns of its verdict.
LINE_BYTES_MAX = 4 * 1024 * 1024

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


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
    """Write verdicts to a binary file, one by one; `out` is left open, with everything in it."""
    columns: dict[str, None] = {}
    words: Counter[str] = Counter()

    def keys() -> Iterator[str]:
        for verdict in verdicts:
            line = {"value": verdict.value, "verdict": verdict.word.value, "columns": dict(verdict.columns)}
            text.write(_encode(line) + "\n")
            columns.update(dict.fromkeys(verdict.columns))
            words[verdict.word.value] += 1
            yield fold_key(kind, verdict.value)

    with measured_text(out) as (text, measured):
        digest = values_digest(keys())
    return CollectedSummary(words.total(), digest, measured.sha256, tuple(columns), dict(words))


def read_verdicts(source: BinaryIO, name: str) -> Iterator[Verdict]:
    """The verdicts in a file that `write_verdicts` wrote, one by one.

    `name` is the object's name for messages. Raises `CollectedUnreadable` with the line.
    """
    number = 0
    while line := source.readline(LINE_BYTES_MAX):
        number += 1
        try:
            record = json.loads(line.decode())
            yield Verdict(record["value"], VerdictWord(record["verdict"]), record["columns"])
        except (ValueError, KeyError, TypeError):
            raise CollectedUnreadable(
                f"{name}: line {number} is not a collected verdict; the object is damaged, collect the part again",
            ) from None
