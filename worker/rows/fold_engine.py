"""Which rows repeat the key of an earlier row: a private DuckDB database finds that out in bounded memory.

It is told all keys once, as a file of lines. Rows whose key has a hash that no other row's key has are out at once;
only what is left is compared key by key, so that rows fold for nothing but equal keys. Why DuckDB: docs/engines.md.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from worker.rows.engine import BUFFER_BYTES, MEMORY_BYTES_MAX, WAIT_SECONDS, engine, engine_error, in_shares, loaded
from worker.rows.errors import FoldTooLarge
from worker.rows.long_keys import KEY_BYTES_MAX
from worker.rows.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

#: Rows whose keys are folded together at first: where many repeat, a share takes more memory, and is made smaller when
#: that is used up.
SHARE_ROWS = 15_000_000
#: What this is in messages.
_WORK = "fold"
#: Repeats fetched at a time.
_FETCH_ROWS = 20_000

# No key has a control character, so none splits a line into columns; nothing is quoted, escaped or null.
_LOAD = """
CREATE TABLE keyed AS SELECT key, hash(key) AS hashed FROM read_csv(
    $path, header = true, auto_detect = false, columns = {'key': 'VARCHAR'}, delim = '\x01', quote = '', escape = '',
    new_line = '\\n', max_line_size = $line_bytes, buffer_size = $buffer_bytes)
"""
# For one share of the hashes at a time: what the engine keeps of groups that it has written out grows with them.
_SHARED = """
CREATE OR REPLACE TABLE shared AS SELECT hashed FROM keyed
    WHERE key >= ' ' AND hashed % $shares = $share GROUP BY hashed HAVING count(*) > 1
"""
_FIRST = """
CREATE OR REPLACE TABLE first AS SELECT hashed, key, min(rowid) AS row FROM keyed
    WHERE key >= ' ' AND hashed IN (SELECT hashed FROM shared) GROUP BY hashed, key HAVING count(*) > 1
"""
_FOUND = "CREATE OR REPLACE TABLE found (row BIGINT, first BIGINT)"
_FIND = """
INSERT INTO found SELECT keyed.rowid, first.row
    FROM keyed JOIN first USING (hashed, key) WHERE first.row < keyed.rowid
"""
_ORDER = "CREATE OR REPLACE TABLE repeat AS SELECT row, first FROM found ORDER BY row"


@contextmanager
def engine_repeats(keys: Path, folder: Path, rows: int, on_wait: Callable[[], None]) -> Iterator[Repeats]:
    """The repeats among the `rows` rows of the file `keys` (see `worker.rows.key_file`).

    Rows that have a mark in place of a key repeat nothing. The database is in the private `folder`, and is closed at
    the end. `on_wait` is called every `WAIT_SECONDS` while the engine works; what it raises interrupts the engine.
    Raises `ScratchFailed`, and `FoldTooLarge` when it needs more than `MEMORY_BYTES_MAX`.
    """
    import duckdb  # noqa: PLC0415 - see `worker.rows.engine`

    try:
        with engine(folder, _WORK, on_wait) as database:
            _run(database, lambda: _find(database, keys, rows), on_wait)
            (found,) = database.execute("SELECT count(*) FROM repeat").fetchone() or (0,)
            found_rows = database.execute("SELECT row, first FROM repeat ORDER BY row")
            yield Repeats(found, chain.from_iterable(iter(lambda: found_rows.fetchmany(_FETCH_ROWS), [])))
    except duckdb.Error as error:
        failed = engine_error(_WORK, error, _too_large(rows))
    else:
        return
    raise failed


def _too_large(rows: int) -> FoldTooLarge:
    return FoldTooLarge(
        f"the {rows:,} values cannot be folded within the {MEMORY_BYTES_MAX // 2**20} MiB of memory that there are "
        "for it, and trying again would not change that; split the list"
    )


def _find(database: DuckDBPyConnection, keys: Path, rows: int) -> None:
    options = {"path": str(keys), "line_bytes": KEY_BYTES_MAX + 1, "buffer_bytes": BUFFER_BYTES}
    database.execute(_LOAD, options)
    loaded(database, "keyed", rows, _WORK)
    in_shares(-(-rows // SHARE_ROWS), lambda shares: _find_in(database, shares))


def _find_in(database: DuckDBPyConnection, shares: int) -> None:
    """Find the repeats among the keys that were taken in, in so many shares of them, from the beginning."""
    database.execute(_FOUND)
    for share in range(shares):
        database.execute(_SHARED, {"shares": shares, "share": share})
        database.execute(_FIRST)
        database.execute(_FIND)
    database.execute(_ORDER)


def _run(database: DuckDBPyConnection, work: Callable[[], None], on_wait: Callable[[], None]) -> None:
    """Do `work` in a thread of its own, since nothing else can be done in one that waits for the engine."""
    with ThreadPoolExecutor(1, "fold") as pool:
        doing = pool.submit(work)
        try:
            while not wait((doing,), WAIT_SECONDS).done:
                on_wait()
        except BaseException:
            database.interrupt()
            raise
        doing.result()
