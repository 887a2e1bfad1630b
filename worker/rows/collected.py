"""Collected verdicts of one part: JSON Lines, one object per verdict, the same shape for every provider.

Each line is ``{"value": …, "verdict": …, "columns": {name: text, …}}``; the columns are the provider's own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import TYPE_CHECKING, BinaryIO

import orjson

from worker.rows.digest import MeasuredOutput
from worker.rows.errors import CollectedUnreadable
from worker.rows.plain import fold_keys
from worker.rows.scratch import write_whole
from worker.rows.values import ValuesDigest
from worker.rows.verdict_rests import LINE_EXTRA_BYTES, parse_rest, parsed_once, plain_values, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from worker.providers.port import Kind, Verdict
    from worker.rows.verdict_rests import Said

#: Bytes of one line: a value and all columns of its verdict.
LINE_BYTES_MAX = 4 * 1024 * 1024
#: Verdicts that are written together.
WRITTEN_TOGETHER = 512
#: Bytes read, and parsed, at a time.
READ_BYTES = 128 * 1024

#: How JSON spells a NUL. A line that has it may still spell something else: a backslash before these characters.
_ENCODED_NUL = b"\\u0000"


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
        write_whole(measured, lines)
    return CollectedSummary(words.total(), digest.hexdigest(), measured.sha256, tuple(names), dict(words))


def _without_nul(verdict: Verdict) -> Verdict:
    own = {name.replace("\0", "\ufffd"): cell.replace("\0", "\ufffd") for name, cell in verdict.columns.items()}
    return replace(verdict, columns=own)


def read_placed(source: BinaryIO, name: str) -> Iterator[tuple[list[int], list[str], list[Said]]]:
    """The verdicts in a file that `write_verdicts` wrote, block by block: places, values, and what is said of these.

    The place is that of the verdict's line: bytes from the beginning of the file. `name` is the object's name for
    messages. Raises `CollectedUnreadable` with the line.
    """
    place = number = 0
    parsed = parsed_once()
    for lines in _blocks_of_lines(source):
        try:
            found = split_lines(lines)
            values = plain_values([value for value, _ in found])
            said = parsed([rest for _, rest in found])
        except (ValueError, KeyError, TypeError):
            every = lines.splitlines(keepends=True)
            number += next(at for at, line in enumerate(every, 1) if not _is_verdict(line))
            raise CollectedUnreadable(
                f"{name}: line {number} is not a collected verdict; the object is damaged, collect the part again",
            ) from None
        ends = list(accumulate((len(value) + len(rest) + LINE_EXTRA_BYTES for value, rest in found), initial=place))
        place = ends.pop()
        number += len(found)
        yield ends, values, said


def _blocks_of_lines(source: BinaryIO) -> Iterator[bytes]:
    """All lines with their line breaks; one that is too long in pieces, none of which is a verdict."""
    rest = b""
    while block := source.read(READ_BYTES):
        whole, line_break, rest = (rest + block).rpartition(b"\n")
        if line_break:
            yield whole + line_break
        elif len(rest) > LINE_BYTES_MAX:
            yield rest
            rest = b""
    if rest:
        yield rest


def _line(verdict: Verdict) -> bytes:
    line = {"value": verdict.value, "verdict": verdict.word.value, "columns": dict(verdict.columns)}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _is_verdict(line: bytes) -> bool:
    try:
        ((value, rest),) = split_lines(line)
        plain_values([value])
        parse_rest(rest)
    except (ValueError, KeyError, TypeError):
        return False
    return True
