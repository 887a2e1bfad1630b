"""Lines of collected verdicts taken apart without parsing each: the value, and the rest of the line.

The rest is what a line says of its value, from the quote that ends the value to the line's end. Many verdicts of a list
say the same: their rests are equal bytes, and what is made of one of them serves for all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from worker.providers.port import VerdictWord

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a rest says: verdict word and columns. Not to be changed: it may be that of many verdicts.
Said = tuple[str, dict[str, str]]
#: Rests of which it is kept what was made of them, and bytes of the longest one.
KEPT_RESTS = 8_192
KEPT_BYTES_MAX = 1_024

#: What a line begins with, and what begins its rest. Neither can be within a value: a quote would end that.
_BEFORE_VALUE = b'{"value":"'
REST_BEGINS = b'","verdict":"'
#: A whole line; its value may have escaped characters.
_LINE = re.compile(
    rb"%b([^\"\\\n]*+(?:\\[^\n][^\"\\\n]*+)*)(%b[^\n]*+)\n" % (re.escape(_BEFORE_VALUE), re.escape(REST_BEGINS))
)
#: Bytes of a line that are neither of its value nor of its rest.
LINE_EXTRA_BYTES = len(_BEFORE_VALUE) + len(b"\n")

_WORDS = frozenset(word.value for word in VerdictWord)


def split_lines(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Value and rest of each of some whole lines, as they stand there. Raises `ValueError` where there is another."""
    found: list[tuple[bytes, bytes]] = _LINE.findall(lines)
    if len(found) != lines.count(b"\n") or not lines.endswith(b"\n"):
        raise ValueError
    return found


def plain_values(values: list[bytes]) -> list[str]:
    """The text of values as they stand in lines. Raises `ValueError` for one that is no JSON."""
    text = b"\n".join(values)
    if b"\\" in text:
        texts: list[str] = orjson.loads(b'["%b"]' % b'","'.join(values))
        return texts
    return text.decode().split("\n")


def parse_rest(rest: bytes) -> Said:
    """Verdict word and columns of a rest. Raises `ValueError`, `KeyError` or `TypeError` for what is none."""
    record = orjson.loads(_BEFORE_VALUE + rest)
    word, columns = record["verdict"], record["columns"]
    if word not in _WORDS or not isinstance(columns, dict):
        raise ValueError
    return word, columns


def parsed_once() -> Callable[[list[bytes]], list[Said]]:
    """A function that parses rests as `parse_rest` does, and those that were there a short while ago not again."""
    kept = lru_cache(KEPT_RESTS)(parse_rest)

    def parsed(rests: list[bytes]) -> list[Said]:
        return [kept(rest) if len(rest) <= KEPT_BYTES_MAX else parse_rest(rest) for rest in rests]

    return parsed
