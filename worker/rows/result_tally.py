"""What the rows of a result say: counts by state and verdict, and the first row that fails each check."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from worker.core.rows import RowState
from worker.providers.port import VerdictWord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: States of a row that has a verdict.
_ANSWERED = frozenset({RowState.MATCHED.value, RowState.FOLDED.value})
_STATES = frozenset(state.value for state in RowState)
_WORDS = frozenset(word.value for word in VerdictWord)


class Finding(NamedTuple):
    """One thing that is not as the manifest tells, or not as it may be."""

    #: A bounded word: which check found it.
    check: str
    message: str
    #: Number of the first row that shows it, from 1 without the header; `None`: no row alone does.
    row: int | None = None


class Tally:
    """Takes a result's rows one by one; memory does not grow with them."""

    def __init__(self, columns: int, place: int, provider: str) -> None:
        """Rows of so many `columns`, the first of the four added ones at `place`; verdicts are from `provider`."""
        self._columns = columns
        self._place = place
        self._provider = provider
        self._first: dict[str, Finding] = {}
        self._failed: Counter[str] = Counter()
        #: Rows taken; those of each state, and of each verdict word.
        self.rows = 0
        self.states: Counter[str] = Counter()
        self.words: Counter[str] = Counter()

    def take(self, cells: Sequence[str]) -> None:
        """Look at the next row."""
        self.rows += 1
        if len(cells) != self._columns:
            self._fail("cells", f"it has {len(cells)} cells, and {self._columns} columns were told")
            return
        place = self._place
        state, word = cells[place], cells[place + 1]
        if state not in _STATES:
            self._fail("state", f"it is in none of the states {', '.join(RowState)}")
            return
        self.states[state] += 1
        if state not in _ANSWERED:
            if any(cells[place + 1 :]):
                self._fail("verdict", f"it is {state}, and has what only a row with a verdict may have")
        elif word not in _WORDS:
            self._fail("verdict", f"it is {state}, and its verdict is none of {', '.join(VerdictWord)}")
        else:
            self.words[word] += 1
            if cells[place + 2] != self._provider:
                self._fail("provider", f"its verdict is not from {self._provider}")

    def findings(self) -> Iterator[Finding]:
        """The first row that fails each check, and how many more do."""
        for check, first in self._first.items():
            more = self._failed[check] - 1
            also = f" ({more:,} more {'row' if more == 1 else 'rows'} alike)" if more else ""
            yield first._replace(message=f"row {first.row:,}: {first.message}{also}")

    def _fail(self, check: str, message: str) -> None:
        self._failed[check] += 1
        self._first.setdefault(check, Finding(check, message, self.rows))
