"""The join of a large part's values and verdicts: a private DuckDB database does it in bounded memory.

It is told the keys as files of lines, and joins equal keys. Only where a value has no verdict under its own key, what
shares its loose key is fetched and settled one by one. Why DuckDB: docs/engines.md.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

from worker.rows.engine import BUFFER_BYTES, MEMORY_BYTES_MAX, engine, engine_error, in_shares, loaded
from worker.rows.errors import ScratchFailed
from worker.rows.long_keys import KEY_BYTES_MAX, stand_in
from worker.rows.scratch import scratch_errors, scratch_folder
from worker.rows.twins import TWINS_MAX, Twins
from worker.rows.verdict_places import NO_PLACE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any, Self

    from duckdb import DuckDBPyConnection

    from worker.rows.twins import Settle

#: Values that are joined together at first: in twice as many shares of them wherever memory is used up.
SHARE_VALUES = 2_000_000
#: Rows fetched at a time.
_FETCH_ROWS = 20_000
#: What this is in messages, and what its folder is called.
_WORK = "join"
#: Characters of a key that stands for itself.
_KEY_CHARACTERS_MAX = KEY_BYTES_MAX // 4
#: Bytes of a line at most: two keys or what stands for them, a place, and what separates these.
_LINE_BYTES = 2 * KEY_BYTES_MAX + 32
#: Characters that a line may not have within a key; no value that is sent has one.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

# The loose key is empty where it is the key. Nothing is quoted, escaped or null.
_LOAD = """
CREATE TABLE {table} AS SELECT * FROM read_csv(
    $path, header = true, auto_detect = false, columns = {{{columns}}}, delim = '\x01', quote = '', escape = '',
    new_line = '\\n', nullstr = '\x05', max_line_size = $line_bytes, buffer_size = $buffer_bytes)
"""
_KEYS = "'key': 'VARCHAR', 'loose': 'VARCHAR'"
_FOUND = "CREATE OR REPLACE TABLE found (number BIGINT, place UBIGINT)"
_FIND = """
INSERT INTO found SELECT sent.rowid, min(place) FROM sent JOIN answered USING (key)
    WHERE hash(sent.key) % $shares = $share AND hash(answered.key) % $shares = $share GROUP BY sent.rowid
"""
_EXTRA = """
SELECT count(DISTINCT key) FROM (FROM answered WHERE hash(key) % $shares = $share)
    ANTI JOIN (FROM sent WHERE hash(key) % $shares = $share) USING (key)
"""
_WANTED = """
CREATE TABLE wanted AS SELECT DISTINCT if(loose = '', key, loose) AS wanted FROM sent
    WHERE rowid NOT IN (SELECT number FROM found)
    AND if(loose = '', key, loose) IN (SELECT if(loose = '', key, loose) FROM answered)
"""
_TWINS = """
SELECT wanted, is_answer, spot, key FROM (
    SELECT if(loose = '', key, loose) AS wanted, false AS is_answer, CAST(rowid AS UBIGINT) AS spot, key FROM sent
    UNION ALL SELECT if(loose = '', key, loose), true, place, key FROM answered
) AS alike SEMI JOIN wanted USING (wanted) ORDER BY wanted, is_answer, spot
"""
_RESETTLE = """
CREATE OR REPLACE TABLE found AS
    SELECT * FROM found ANTI JOIN settled USING (number)
    UNION ALL SELECT number, place FROM settled WHERE place <> $none
"""
_MATCHES = "SELECT number, place FROM found ORDER BY number"


class EngineJoin:
    """See `worker.rows.align_by_keys.Join`: a context, of which one at a time is open in a process."""

    def __init__(self, folder: Path) -> None:
        """Its files are in a folder of its own in the private `folder`, and are gone at the end."""
        self._parent = folder
        self._answers = self._values = 0
        self.extra = 0
        self.duplicate = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = stack.enter_context(scratch_folder(self._parent / _WORK))
            with scratch_errors(self._folder):
                self._answered = stack.enter_context((self._folder / "answered").open("w", encoding="utf-8"))
                self._sent = stack.enter_context((self._folder / "sent").open("w", encoding="utf-8"))
                self._answered.write("key\x01loose\x01place\n")
                self._sent.write("key\x01loose\n")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def answered(self, keys: Sequence[str], loose: Sequence[str], places: Sequence[int]) -> None:
        """Take in verdicts."""
        self._answers += len(keys)
        lines = zip(_lines(keys, loose), places, strict=True)
        self._answered.write("".join([f"{line}\x01{place}\n" for line, place in lines]))

    def sent(self, keys: Sequence[str], loose: Sequence[str]) -> None:
        """Take in values."""
        self._values += len(keys)
        self._sent.write("\n".join(_lines(keys, loose)) + "\n")

    def matches(self, settle: Settle) -> Generator[tuple[int, int], None, None]:
        """Number and place of each value that has a verdict. Raises `ScratchFailed`."""
        with scratch_errors(self._folder):
            self._answered.flush()
            self._sent.flush()
        import duckdb  # noqa: PLC0415 - see `worker.rows.engine`

        try:
            with engine(self._folder, _WORK, lambda: None) as database:
                self._join(database, settle)
                yield from _fetched(database.execute(_MATCHES))
        except duckdb.Error as error:
            failed = engine_error(_WORK, error, self._out_of_memory())
        else:
            return
        raise failed

    def _join(self, database: DuckDBPyConnection, settle: Settle) -> None:
        self._load(database, "answered", f"{_KEYS}, 'place': 'UBIGINT'", self._answers)
        self._load(database, "sent", _KEYS, self._values)
        in_shares(-(-self._values // SHARE_VALUES), lambda shares: _find(database, shares))
        found = _count(database, "SELECT count(*) FROM found")
        if found < self._answers:
            in_shares(-(-self._answers // SHARE_VALUES), lambda shares: self._count_extra(database, shares))
            self.duplicate = self._answers - found - self.extra
            if found < self._values:
                self._settle(database, settle)

    def _count_extra(self, database: DuckDBPyConnection, shares: int) -> None:
        """Count the different keys that were answered and not sent."""
        every = ({"shares": shares, "share": share} for share in range(shares))
        self.extra = sum(_count(database, _EXTRA, options) for options in every)

    def _load(self, database: DuckDBPyConnection, table: str, columns: str, rows: int) -> None:
        options = {"path": str(self._folder / table), "line_bytes": _LINE_BYTES, "buffer_bytes": BUFFER_BYTES}
        database.execute(_LOAD.format(table=table, columns=columns), options)
        loaded(database, table, rows, _WORK)
        (self._folder / table).unlink()

    def _settle(self, database: DuckDBPyConnection, settle: Settle) -> None:
        """Settle twins, and change what was found."""
        database.execute(_WANTED)
        path, values = self._folder / "settled", 0
        with scratch_errors(path), path.open("w", encoding="utf-8") as out:
            out.write("number\x01place\n")
            for twins in _all_twins(_fetched(database.cursor().execute(_TWINS))):
                settled = settle(twins)
                for number, _ in twins.values:
                    out.write(f"{number}\x01{settled.places.get(number, NO_PLACE)}\n")
                values += len(twins.values)
                self.extra -= settled.further_keys
                self.duplicate -= settled.paired
        self._load(database, "settled", "'number': 'BIGINT', 'place': 'UBIGINT'", values)
        database.execute(_RESETTLE, {"none": NO_PLACE})

    def _out_of_memory(self) -> ScratchFailed:
        return ScratchFailed(
            f"the {self._values:,} values of a part cannot be joined to its {self._answers:,} verdicts within "
            f"{MEMORY_BYTES_MAX // 2**20} MiB of memory; send lists in smaller parts"
        )


def _find(database: DuckDBPyConnection, shares: int) -> None:
    """Find the first verdict under each value's own key, in so many shares of the keys, from the beginning."""
    database.execute(_FOUND)
    for share in range(shares):
        database.execute(_FIND, {"shares": shares, "share": share})


def _all_twins(rows: Iterable[tuple[str, bool, int, str]]) -> Iterator[Twins]:
    """Values and answers, put together by their loose key; none of very many."""
    for _, alike in groupby(rows, key=lambda row: row[0]):
        some = list(islice(alike, TWINS_MAX + 1))
        if len(some) <= TWINS_MAX:
            values = [(spot, key) for _, is_answer, spot, key in some if not is_answer]
            yield Twins(values, [(spot, key) for _, is_answer, spot, key in some if is_answer])


def _lines(keys: Sequence[str], loose: Sequence[str]) -> list[str]:
    """A line for each key and loose key, without what may end it."""
    if keys == loose:
        return [f"{key}\x01" for key in _all_safe(keys)]
    pairs = zip(_all_safe(keys), _all_safe(loose), strict=True)
    return [f"{key}\x01" if key == other else f"{key}\x01{other}" for key, other in pairs]


def _all_safe(keys: Sequence[str]) -> Sequence[str]:
    """Keys, with stand-ins for those that cannot be in a line, or would be long in it."""
    text = "\n".join(keys)
    odd = text.count("\n") >= len(keys) or _CONTROL.search(text) or max(map(len, keys)) > _KEY_CHARACTERS_MAX
    return list(map(_safe, keys)) if odd else keys


def _safe(key: str) -> str:
    odd = len(key) > _KEY_CHARACTERS_MAX or "\n" in key or _CONTROL.search(key)
    return stand_in(key.encode()).decode() if odd else key


def _count(database: DuckDBPyConnection, statement: str, options: Mapping[str, int] | None = None) -> int:
    (count,) = database.execute(statement, options).fetchone() or (0,)
    return int(count)


def _fetched(rows: DuckDBPyConnection) -> Iterator[Any]:
    return chain.from_iterable(iter(lambda: rows.fetchmany(_FETCH_ROWS), []))
