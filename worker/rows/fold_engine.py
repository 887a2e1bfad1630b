"""Which rows repeat the key of an earlier row: a private DuckDB database finds that out in bounded memory.

It is told all keys once, as a file of lines. Rows whose key has a hash that no other row's key has are out at once;
only what is left is compared key by key, so that rows fold for nothing but equal keys. Why DuckDB: docs/engines.md.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from worker.rows.errors import FoldTooLarge, ScratchFailed
from worker.rows.long_keys import KEY_BYTES_MAX
from worker.rows.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

#: Memory of the engine, beyond which it writes to its folder. The whole process takes about 90 MiB more.
MEMORY_BYTES_MAX = 100 * 1024 * 1024
#: Threads of the engine: a second one shortens nothing that reading and writing in Python does not wait for.
THREADS = 1
#: The setting that the library names when that is used up, whatever it was about to do; it names it, too, when what it
#: writes out has no room on the disk, with the other setting.
_MEMORY_SETTING, _DISK_SETTING = "memory_limit", "max_temp_directory_size"
#: Bytes of the key file that the engine holds at once; at least two lines.
_BUFFER_BYTES = 4 * 1024 * 1024
#: Rows whose keys are folded together at first, and the most shares that the keys are folded in: where many repeat, a
#: share takes more memory, and is made smaller when that is used up.
SHARE_ROWS = 15_000_000
SHARES_MAX = 64
#: Repeats fetched at a time.
_FETCH_ROWS = 20_000
#: Seconds between two calls of `on_wait`.
WAIT_SECONDS = 1.0

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
    import duckdb  # noqa: PLC0415 - most processes never stage a long list, and the library takes 60 MB of memory

    try:
        with duckdb.connect(folder / "fold.duckdb", config=_settings(folder)) as database:
            _run(database, lambda: _find(database, keys, rows), on_wait)
            (found,) = database.execute("SELECT count(*) FROM repeat").fetchone() or (0,)
            found_rows = database.execute("SELECT row, first FROM repeat ORDER BY row")
            yield Repeats(found, chain.from_iterable(iter(lambda: found_rows.fetchmany(_FETCH_ROWS), [])))
    except duckdb.Error as error:
        failed, text = type(error).__name__, str(error)
    else:
        return
    if _MEMORY_SETTING in text and _DISK_SETTING not in text:
        raise FoldTooLarge(
            f"the {rows:,} values cannot be folded within the {MEMORY_BYTES_MAX // 2**20} MiB of memory that there are "
            "for it, and trying again would not change that; split the list"
        )
    # Never with the library's text, nor chained to it: that repeats keys.
    raise ScratchFailed(
        f"the intermediate database of the fold failed ({failed}); check free space and permissions of its folder, "
        "and the machine's free memory",
    )


def _settings(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": f"{MEMORY_BYTES_MAX}B",
        "threads": THREADS,
        "temp_directory": str(folder / "spilled"),
        # Rows of a table are numbered in the order of the file's lines.
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }


def _find(database: DuckDBPyConnection, keys: Path, rows: int) -> None:
    # Compressing takes three times as long as writing out, for a file that lives for minutes.
    database.execute("SET force_compression = 'uncompressed'")
    options = {"path": str(keys), "line_bytes": KEY_BYTES_MAX + 1, "buffer_bytes": _BUFFER_BYTES}
    database.execute(_LOAD, options)
    (loaded,) = database.execute("SELECT count(*) FROM keyed").fetchone() or (0,)
    if loaded != rows:
        raise ScratchFailed(
            f"the intermediate database of the fold took in {loaded} of {rows} rows; check free space of its folder"
        )
    from duckdb import OutOfMemoryException  # noqa: PLC0415 - as above

    shares = -(-rows // SHARE_ROWS)
    while True:
        try:
            _find_in(database, shares)
        except OutOfMemoryException as error:
            if shares >= SHARES_MAX or _DISK_SETTING in str(error):
                raise
            shares *= 2
        else:
            return


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
