"""Collected verdicts of one part: JSON Lines, one object per verdict, the same shape for every provider.

Each line is ``{"value": …, "verdict": …, "columns": {name: text, …}}``; the columns are the provider's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import TYPE_CHECKING, BinaryIO

import orjson

from worker.providers.port import Verdict, VerdictWord
from worker.rows.digest import MeasuredOutput
from worker.rows.errors import CollectedUnreadable
from worker.rows.plain import fold_keys
from worker.rows.values import ValuesDigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from worker.providers.port import Kind

#: Value, verdict word and columns.
ParsedVerdict = tuple[str, str, dict[str, str]]
#: Bytes of one line: a value and all columns of its verdict.
LINE_BYTES_MAX = 4 * 1024 * 1024
#: Verdicts that are written together.
WRITTEN_TOGETHER = 512
#: Bytes read, and parsed, at a time.
READ_BYTES = 128 * 1024

#: How JSON spells a NUL. A line that has it may still spell something else: a backslash before these characters.
_ENCODED_NUL = b"\\u0000"

_WORDS = frozenset(word.value for word in VerdictWord)


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
    """Write verdicts to a binary file, block by block; `out` is left open, with everything in it.

    NUL characters in the provider's columns become U+FFFD, as whatever else no text can hold: many readers of CSV,
    databases among them, take a NUL for the end of the text, or refuse the file.
    """
    names: dict[str, None] = {}
    words: Counter[str] = Counter()
    digest = ValuesDigest()
    measured = MeasuredOutput(out)
    verdicts = iter(verdicts)
    while block := list(islice(verdicts, WRITTEN_TOGETHER)):
        lines = b"".join(map(_line, block))
        if _ENCODED_NUL in lines:
            block = list(map(_without_nul, block))
            lines = b"".join(map(_line, block))
        for columns in {tuple(verdict.columns): None for verdict in block}:
            names.update(dict.fromkeys(columns))
        words.update([verdict.word.value for verdict in block])
        digest.add(map(str.encode, fold_keys(kind, [verdict.value for verdict in block])))
        measured.write_all(lines)
    return CollectedSummary(words.total(), digest.hexdigest(), measured.sha256, tuple(names), dict(words))


def _without_nul(verdict: Verdict) -> Verdict:
    own = {name.replace("\0", "\ufffd"): cell.replace("\0", "\ufffd") for name, cell in verdict.columns.items()}
    return replace(verdict, columns=own)


def read_verdicts(source: BinaryIO, name: str) -> Iterator[Verdict]:
    """The verdicts in a file that `write_verdicts` wrote, one by one.

    `name` is the object's name for messages. Raises `CollectedUnreadable` with the line.
    """
    for _, verdicts in read_placed(source, name):
        for value, word, columns in verdicts:
            yield Verdict(value, VerdictWord(word), columns)


def read_placed(source: BinaryIO, name: str) -> Iterator[tuple[list[int], list[ParsedVerdict]]]:
    """The verdicts as `read_verdicts` gives them, block by block and not yet objects, and the place of each.

    The place is that of the verdict's line: bytes from the beginning of the file.
    """
    place = number = 0
    for lines in _blocks_of_lines(source):
        try:
            verdicts = parse_verdicts(lines)
        except (ValueError, KeyError, TypeError):
            number += next(at for at, line in enumerate(lines, 1) if not _is_verdict(line))
            raise CollectedUnreadable(
                f"{name}: line {number} is not a collected verdict; the object is damaged, collect the part again",
            ) from None
        ends = list(accumulate(map(len, lines), initial=place))
        place = ends.pop()
        number += len(lines)
        yield ends, verdicts


def _blocks_of_lines(source: BinaryIO) -> Iterator[list[bytes]]:
    """All lines with their line breaks; one that is too long in pieces, none of which is a verdict."""
    rest = b""
    while block := source.read(READ_BYTES):
        whole, line_break, rest = (rest + block).rpartition(b"\n")
        if line_break:
            yield (whole + line_break).splitlines(keepends=True)
        elif len(rest) > LINE_BYTES_MAX:
            yield [rest]
            rest = b""
    if rest:
        yield [rest]


def parse_verdicts(lines: Sequence[bytes]) -> list[ParsedVerdict]:
    """Value, verdict word and columns in each line. Raises `ValueError`, `KeyError` or `TypeError` for another line.

    All are parsed in one call, which takes much less time than one call for each.
    """
    records = orjson.loads(b"[%b]" % b",".join(lines))
    if len(records) != len(lines):
        raise ValueError
    verdicts = [(record["value"], record["verdict"], record["columns"]) for record in records]
    for value, word, columns in verdicts:
        if word not in _WORDS or not isinstance(value, str) or not isinstance(columns, dict):
            raise ValueError
    return verdicts


def _line(verdict: Verdict) -> bytes:
    line = {"value": verdict.value, "verdict": verdict.word.value, "columns": dict(verdict.columns)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _is_verdict(line: bytes) -> bool:
    try:
        parse_verdicts([line])
    except (ValueError, KeyError, TypeError):
        return False
    return True
