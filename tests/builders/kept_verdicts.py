"""Collected verdicts as objects again, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from worker.providers.port import Verdict, VerdictWord
from worker.rows.collected import read_placed

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_verdicts(source: BinaryIO, name: str) -> Iterator[Verdict]:
    """The verdicts in a file that `write_verdicts` wrote; `name` is the object's name for messages."""
    for _, values, said in read_placed(source, name):
        for value, (word, columns) in zip(values, said, strict=True):
            yield Verdict(value, VerdictWord(word), columns)
