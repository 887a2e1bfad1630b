"""All collected verdicts of an upload, by the values they speak of, in a scratch database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.providers.port import VerdictWord
from worker.rows.errors import CollectedUnreadable
from worker.rows.values import fold_key, loose_key

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from worker.providers.port import Kind, Verdict

#: Different columns that verdicts may bring in all.
COLUMNS_MAX = 1_000

_CREATE = (
    """CREATE TABLE verdict (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, loose TEXT NOT NULL,
        part INTEGER NOT NULL, word TEXT NOT NULL, cells TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1)""",
    "CREATE TABLE sent (loose TEXT PRIMARY KEY, times INTEGER NOT NULL DEFAULT 1) WITHOUT ROWID",
    "CREATE TABLE seen (key TEXT PRIMARY KEY, verdict INTEGER NOT NULL) WITHOUT ROWID",
)
_ADD = """INSERT INTO verdict (key, loose, part, word, cells) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET times = times + 1"""
_ADD_SENT = "INSERT INTO sent (loose) VALUES (?) ON CONFLICT (loose) DO UPDATE SET times = times + 1"
_EXACT = "SELECT key, id, part, word, cells FROM verdict WHERE key IN (SELECT value FROM json_each(?))"
#: Only where one verdict answers to the loose key, and came as often as values with that loose key were sent.
_LOOSE = """SELECT loose, min(id), part, word, cells FROM verdict
    WHERE loose IN (SELECT value FROM json_each(?)) GROUP BY loose
    HAVING count(*) = 1 AND sum(times) >= (SELECT times FROM sent WHERE sent.loose = verdict.loose)"""
_SEEN = "SELECT key FROM seen WHERE key IN (SELECT value FROM json_each(?))"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(slots=True)
class Match:
    """The verdict on one value."""

    verdict_id: int
    part: int
    word: VerdictWord
    #: In the order of `Verdicts.columns`; may be shorter, the rest is blank.
    cells: list[str]
    #: Whether a row with this value has been seen before.
    seen: bool


class Verdicts:
    """Verdicts to look up by fold key.

    A value finds the verdict with its own fold key; failing that, the only verdict that differs from it in nothing but
    case, since providers answer in lower case as they like (not so for passwords). A verdict on one value is never
    given to another: values that differ in case only share one that came as often as they were sent. Otherwise the
    first of several counts.
    """

    def __init__(self, database: sqlite3.Connection, kind: Kind, sent: Callable[[], Iterable[str]]) -> None:
        """`sent` gives the values that were sent, and is asked only when a value finds no verdict of its own."""
        self._database = database
        self._kind = kind
        self._sent = sent
        self._columns: dict[str, None] = {}
        #: The provider's columns in the order they were first seen.
        self.columns: tuple[str, ...] = ()
        self._loose_index = False
        for statement in _CREATE:
            database.execute(statement)

    def add(self, part: int, verdicts: Iterable[Verdict]) -> int:
        """Take in the verdicts of one part and return how many there were."""
        total = 0

        def records() -> Iterator[tuple[str, str, int, str, str]]:
            nonlocal total
            for verdict in verdicts:
                total += 1
                key = fold_key(self._kind, verdict.value)
                yield key, self._loose(key), part, verdict.word.value, self._cells(verdict)

        self._database.executemany(_ADD, records())
        return total

    def find(self, keys: Collection[str]) -> dict[str, Match]:
        """The verdicts for `keys`, all different, and remember that these have now been seen."""
        found = {key: _match(*rest) for key, *rest in self._select(_EXACT, keys)}
        if len(found) < len(keys):
            found |= self._find_loose([key for key in keys if key not in found])
        for (key,) in self._select(_SEEN, found):
            found[key].seen = True
        new = [(key, match.verdict_id) for key, match in found.items() if not match.seen]
        self._database.executemany("INSERT INTO seen VALUES (?, ?)", new)
        return found

    def duplicates(self) -> int:
        """How many verdicts were on a value that had one already."""
        return int(self._database.execute("SELECT coalesce(sum(times - 1), 0) FROM verdict").fetchone()[0])

    def unused(self) -> int:
        """How many verdicts no row has asked for: values that were never sent."""
        unused = "SELECT (SELECT count(*) FROM verdict) - (SELECT count(DISTINCT verdict) FROM seen)"
        return int(self._database.execute(unused).fetchone()[0])

    def _find_loose(self, keys: Sequence[str]) -> dict[str, Match]:
        if not self._loose_index:
            self._database.execute("CREATE INDEX loosely ON verdict (loose)")
            loose = ((self._loose(fold_key(self._kind, value)),) for value in self._sent())
            self._database.executemany(_ADD_SENT, loose)
            self._loose_index = True
        found = {loose: rest for loose, *rest in self._select(_LOOSE, [self._loose(key) for key in keys])}
        return {key: _match(*found[self._loose(key)]) for key in keys if self._loose(key) in found}

    def _loose(self, key: str) -> str:
        return loose_key(self._kind, key)

    def _select(self, query: str, keys: Collection[str]) -> sqlite3.Cursor:
        return self._database.execute(query, (_encode(list(keys)),))

    def _cells(self, verdict: Verdict) -> str:
        """The verdict's columns as a JSON list in the order of `columns`, which grows by new ones."""
        columns = self._columns
        # Most verdicts bring the columns of the one before, in the same order.
        if tuple(verdict.columns) == self.columns:
            return _encode(list(verdict.columns.values()))
        for name in verdict.columns:
            columns.setdefault(name, None)
        self.columns = tuple(columns)
        if len(columns) > COLUMNS_MAX:
            raise CollectedUnreadable(
                f"verdicts bring more than {COLUMNS_MAX} different columns; one of the collected files is damaged, "
                "collect its part again",
            )
        return _encode([verdict.columns.get(name, "") for name in columns])


def _match(verdict_id: int, part: int, word: str, cells: str) -> Match:
    return Match(verdict_id, part, VerdictWord(word), json.loads(cells), seen=False)
