"""Staging: from an input to parts that can be submitted, in bounded memory.

The input is read once. Every value goes into a scratch database that folds equal ones (see `worker.rows.values`);
once the number of distinct values is known, they are written out in the order of their first rows, split evenly.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.rows import RowState
from worker.rows.columns import shown_column
from worker.rows.dialect import Options, detect
from worker.rows.digest import measured_text
from worker.rows.errors import NoValues, ScratchFailed
from worker.rows.reading import InputRows
from worker.rows.scratch import scratch
from worker.rows.values import fold_key, row_value, values_digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits

#: Rows between two calls of `on_progress`.
PROGRESS_ROWS = 10_000

_CREATE = "CREATE TABLE value (row INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT)"
_FOLD = "INSERT OR IGNORE INTO value VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class StagedPart:
    """One part's values in the file `path`: UTF-8, one CSV cell per line (LF), no header."""

    index: int
    rows: int
    #: Digest of the file's bytes.
    sha256: str
    #: Digest of the values, whatever their order (see `worker.rows.values.values_digest`).
    values_digest: str
    path: Path


@dataclass(frozen=True, slots=True)
class Staged:
    """What an input holds: ``rows = empty + withheld + folded + distinct``."""

    dialect: Dialect
    rows: int
    empty: int
    withheld: int
    folded: int
    distinct: int
    #: Rows, blank ones apart, that do not have as many cells as there are columns; they are taken as they are.
    ragged: int
    input_bytes: int
    input_sha256: str
    parts: tuple[StagedPart, ...]


def stage(
    path: Path,
    folder: Path,
    *,
    kind: Kind,
    options: Options,
    limits: Limits,
    rows_per_part: int,
    on_progress: Callable[[int], None],
    dialect: Dialect | None = None,
    name: str = "",
) -> Staged:
    """Read the input at `path` and write its parts into the private `folder`, which exists.

    The `dialect` is found out with the help of `options` unless it is known already. `on_progress` is told the rows
    read so far, every `PROGRESS_ROWS`; what it raises ends staging. The same input and arguments always give the same
    parts. Raises `InputError`, which calls the input `name`, or by its file name; or `ScratchFailed` when `folder`
    cannot be written.
    """
    name = name or path.name
    dialect = dialect or detect(path, kind, options, name)
    with scratch(folder / "fold.sqlite3") as database:
        database.execute(_CREATE)
        with InputRows(path, dialect, limits, name) as rows:
            tally = _Tally(rows, dialect, kind, on_progress, screen=options.screen)
            database.executemany(_FOLD, tally)
            (distinct,) = database.execute("SELECT count(*) FROM value").fetchone()
            if not distinct:
                column = shown_column(kind, dialect.columns, dialect.column_index)
                withheld = f" ({tally.withheld:,} withheld)" if tally.withheld else ""
                raise NoValues(
                    f"{name}: column {column} has no {kind.value} to verify "
                    f"in any of its {rows.rows} rows{withheld}; check the file, or set options.column",
                )
            parts = tuple(_write_parts(database, folder, kind, distinct, rows_per_part))
            return Staged(
                dialect=dialect.widened(tally.width),
                rows=rows.rows,
                empty=tally.empty,
                withheld=tally.withheld,
                folded=rows.rows - tally.empty - tally.withheld - distinct,
                distinct=distinct,
                ragged=tally.ragged,
                input_bytes=rows.bytes,
                input_sha256=rows.sha256,
                parts=parts,
            )


class _Tally:
    """The values of an input as rows of the scratch database, counting what passes."""

    def __init__(
        self, rows: InputRows, dialect: Dialect, kind: Kind, on_progress: Callable[[int], None], *, screen: bool
    ) -> None:
        self._rows = rows
        self._dialect = dialect
        self._kind = kind
        self._on_progress = on_progress
        self._screen = screen
        self.empty = 0
        self.withheld = 0
        self.ragged = 0
        self.width = 0

    def __iter__(self) -> Iterator[tuple[int, str, str | None]]:
        index, columns = self._dialect.column_index, len(self._dialect.columns)
        for number, row in enumerate(self._rows, start=1):
            cells = len(row)
            if cells != columns and cells:
                self.ragged += 1
                self.width = max(self.width, cells)
            value, state = row_value(self._kind, row[index] if index < cells else "", screen=self._screen)
            if state is None:
                key = fold_key(self._kind, value)
                yield number, key, None if key == value else value
            elif state is RowState.EMPTY:
                self.empty += 1
            else:
                self.withheld += 1
            if number % PROGRESS_ROWS == 0:
                self._on_progress(number)


def _write_parts(
    database: sqlite3.Connection, folder: Path, kind: Kind, distinct: int, rows_per_part: int
) -> Iterator[StagedPart]:
    """Write the folded values as the fewest parts of at most `rows_per_part`, sizes differing by at most one."""
    parts = -(-distinct // rows_per_part)
    size, larger = divmod(distinct, parts)
    values = database.execute("SELECT coalesce(value, key) FROM value ORDER BY row")
    for index in range(parts):
        rows = size + (index < larger)
        path = folder / f"part-{index:05d}.csv"
        try:
            yield _write_part(values, path, kind, index, rows)
        except OSError as error:
            raise ScratchFailed(
                f"{path.name} cannot be written ({error.strerror}); check free space and permissions of its folder",
            ) from error


def _write_part(values: sqlite3.Cursor, path: Path, kind: Kind, index: int, rows: int) -> StagedPart:
    with path.open("wb") as file, measured_text(file) as (text, measured):
        writer = csv.writer(text, lineterminator="\n")

        def keys() -> Iterator[str]:
            for _ in range(rows):
                (value,) = values.fetchone()
                writer.writerow((value,))
                yield fold_key(kind, value)

        digest = values_digest(keys())
    return StagedPart(index, rows, measured.sha256, digest, path)
