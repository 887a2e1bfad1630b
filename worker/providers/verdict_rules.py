"""From a provider's columns to one of four words, by a table that is data: the first rule that applies decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.providers.port import VerdictWord
from worker.providers.tolerant import as_bool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Rule:
    """`word` applies to a value whose `column` (lower case) `holds`; a missing column never does."""

    word: VerdictWord
    column: str
    holds: Callable[[str], bool]


def decide(rules: Sequence[Rule], columns: Mapping[str, str]) -> VerdictWord:
    """The verdict on columns whose names are in lower case; `unknown` where no rule applies."""
    for rule in rules:
        cell = columns.get(rule.column)
        if cell is not None and rule.holds(cell):
            return rule.word
    return VerdictWord.UNKNOWN


def is_true(cell: str) -> bool:
    """The cell says yes."""
    return as_bool(cell) is True


def is_false(cell: str) -> bool:
    """The cell says no."""
    return as_bool(cell) is False


def is_word(word: str) -> Callable[[str], bool]:
    """A test for one word, whatever its case."""
    return lambda cell: cell.strip().lower() == word


def is_not_word(word: str) -> Callable[[str], bool]:
    """A test for any other word than one, whatever its case."""
    return lambda cell: cell.strip().lower() != word


def is_at_least(limit: float) -> Callable[[str], bool]:
    """A test for a number from `limit` on; what is no number is not."""

    def test(cell: str) -> bool:
        try:
            return float(cell) >= limit
        except ValueError:
            return False

    return test
