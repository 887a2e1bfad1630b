"""The engine for what does not fit into memory: a private DuckDB database with bounded memory. Why: docs/engines.md.

Each may take `MEMORY_BYTES_MAX`, so those of one process take turns.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.rows.errors import ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from worker.rows.errors import RowsError

#: Memory of the engine, beyond which it writes to its folder. The whole process takes up to 200 MB more.
MEMORY_BYTES_MAX = 48 * 1024 * 1024
#: Threads of the engine: a second one shortens nothing that reading and writing in Python does not wait for.
THREADS = 1
#: The setting that the library names when that is used up, whatever it was about to do; it names it, too, when what it
#: writes out has no room on the disk, with the other setting.
_MEMORY_SETTING, _DISK_SETTING = "memory_limit", "max_temp_directory_size"
#: Bytes of a file of lines that the engine holds at once; at least two lines.
BUFFER_BYTES = 4 * 1024 * 1024
#: Most shares that work is done in: it takes less memory in more of them.
SHARES_MAX = 64
#: Seconds between two calls of `on_wait`.
WAIT_SECONDS = 1.0

#: Held by the one database of the process.
_TURN = threading.Lock()


@contextmanager
def engine(folder: Path, work: str, on_wait: Callable[[], None]) -> Iterator[DuckDBPyConnection]:
    """A database in the private `folder` for some `work`, which is its name; closed at the end.

    `on_wait` is called every `WAIT_SECONDS` until it is the turn of this one. Raises `duckdb.Error`, which is to be
    made an error of ours with `engine_error`.
    """
    import duckdb  # noqa: PLC0415 - most processes never see a long list, and the library takes 60 MB of memory

    while not _TURN.acquire(timeout=WAIT_SECONDS):
        on_wait()
    try:
        with duckdb.connect(folder / f"{work}.duckdb", config=_settings(folder)) as database:
            # Compressing takes three times as long as writing out, for a file that lives for minutes.
            database.execute("SET force_compression = 'uncompressed'")
            yield database
    finally:
        _TURN.release()


def engine_error(work: str, error: Exception, out_of_memory: RowsError) -> RowsError:
    """What to raise for an error of the engine: `out_of_memory` where it needed more than `MEMORY_BYTES_MAX`.

    Never with the library's text, which repeats keys: raise it where nothing is chained to it.
    """
    text = str(error)
    if _MEMORY_SETTING in text and _DISK_SETTING not in text:
        return out_of_memory
    return ScratchFailed(
        f"the intermediate database of the {work} failed ({type(error).__name__}); check free space and permissions "
        "of its folder, and the machine's free memory",
    )


def in_shares(shares: int, find: Callable[[int], None]) -> None:
    """Have `find` do its work in so many shares, from the beginning in twice as many wherever it runs out of memory."""
    from duckdb import OutOfMemoryException  # noqa: PLC0415 - as above

    while True:
        try:
            find(shares)
        except OutOfMemoryException as error:
            if shares >= SHARES_MAX or _DISK_SETTING in str(error):
                raise
            shares *= 2
        else:
            return


def loaded(database: DuckDBPyConnection, table: str, rows: int, work: str) -> None:
    """Raise `ScratchFailed` unless a table has taken in so many rows."""
    (found,) = database.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)  # noqa: S608 - our own names
    if found != rows:
        raise ScratchFailed(
            f"the intermediate database of the {work} took in {found} of {rows} rows; check free space of its folder"
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
