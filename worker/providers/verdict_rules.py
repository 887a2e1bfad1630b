"""From a provider's columns to one of four words, by a table that is data: the first rule that applies decides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from worker.providers.port import VerdictWord
from worker.providers.tolerant import as_bool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from config.accounts import Account
    from config.verdict_rules import VerdictRule
    from worker.providers.port import Kind


#: Cells that each condition remembers.
REMEMBERED_CELLS = 128


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one cell, and the same in words: `= true`."""

    words: str
    holds: Callable[[str], bool]

    def __post_init__(self) -> None:
        """Let what was found out about a cell be remembered: most columns hold few different ones."""
        object.__setattr__(self, "holds", lru_cache(REMEMBERED_CELLS)(self.holds))


@dataclass(frozen=True, slots=True)
class Rule:
    """`word` applies to a value whose `column` (lower case) meets the condition; a missing column never does."""

    word: VerdictWord
    column: str
    condition: Condition


def decide(rules: Sequence[Rule], columns: Mapping[str, str]) -> VerdictWord:
    """The verdict on columns whose names are in lower case; `unknown` where no rule applies."""
    for rule in rules:
        cell = columns.get(rule.column)
        if cell is not None and rule.condition.holds(cell):
            return rule.word
    return VerdictWord.UNKNOWN


def own_rules(account: Account, kind: Kind) -> tuple[Rule, ...]:
    """The account's own rules for a kind, in their order; they come before those of its provider."""
    return tuple(_own(rule) for rule in account.verdicts if rule.kind == kind)


def is_word(word: str) -> Condition:
    """A test for one word, whatever its case."""
    return Condition(f"= {word}", lambda cell: cell.strip().lower() == word)


def is_not_word(word: str) -> Condition:
    """A test for any other word than one, whatever its case."""
    return Condition(f"≠ {word}", lambda cell: cell.strip().lower() != word)


def is_at_least(limit: float) -> Condition:
    """A test for a number from `limit` on; what is no number is not."""

    def test(cell: str) -> bool:
        try:
            return float(cell) >= limit
        except ValueError:
            return False

    return Condition(f"≥ {limit:g}", test)


#: The cell says yes, or no, in whatever way.
is_true = Condition("= true", lambda cell: as_bool(cell) is True)
is_false = Condition("= false", lambda cell: as_bool(cell) is False)


def _own(rule: VerdictRule) -> Rule:
    if rule.at_least is not None:
        condition = is_at_least(rule.at_least)
    else:
        condition = {"true": is_true, "false": is_false}.get(rule.equals or "") or is_word(rule.equals or "")
    return Rule(VerdictWord(rule.verdict), rule.column, condition)
