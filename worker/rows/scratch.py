"""Private files for what does not fit into memory; they live as long as one step."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.rows.errors import ScratchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

#: Nobody else reads the file and a crash throws it away, so nothing is journalled or synced. Cache: 32 MiB.
_PRAGMAS = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA cache_size = -32768",
)


@contextmanager
def scratch(path: Path) -> Iterator[sqlite3.Connection]:
    """An empty database in the file `path`, removed at the end. Raises `ScratchFailed` for what fails in it."""
    try:
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path, isolation_level=None)
        try:
            for pragma in _PRAGMAS:
                database.execute(pragma)
            # One open transaction spares a commit per statement; nothing is ever rolled back.
            database.execute("BEGIN")
            yield database
        finally:
            database.close()
            path.unlink(missing_ok=True)
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "unknown error")
        raise ScratchFailed(
            f"the intermediate database {path.name} failed ({code}); check free space and permissions of its folder",
        ) from error


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """An empty private folder at `path`, removed at the end. Raises `ScratchFailed` when it cannot be made."""
    with scratch_errors(path):
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch_errors(path: Path) -> Iterator[None]:
    """Raise `ScratchFailed` for every `OSError` inside, which is about `path`."""
    try:
        yield
    except OSError as error:
        raise ScratchFailed(
            f"{path.name} cannot be written ({error.strerror}); check free space and permissions of its folder",
        ) from error


def write_whole(file: FileIO, data: bytes) -> None:
    """Write all of `data` to an unbuffered file, so that a full disk shows here and not when it is closed.

    Raises `OSError`.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
