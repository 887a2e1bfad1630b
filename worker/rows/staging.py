"""Staging: from an input to parts that can be submitted, in bounded memory.

The input is read once, and the fold key of every row written to a file (see `worker.rows.values`). An engine tells from
that file which rows repeat an earlier one. The file is then read once more, and the values of all other rows written
out in their order, split evenly; and beside them for every row of the input the number of its value.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from worker.rows.column_cells import ColumnCells
from worker.rows.columns import shown_column
from worker.rows.dialect import Options, detect
from worker.rows.errors import NoValues
from worker.rows.fold_engine import engine_repeats
from worker.rows.key_file import KeyFile
from worker.rows.numbering import Numbering
from worker.rows.parts import PartsWriter
from worker.rows.reading import InputRows
from worker.rows.repeats import IN_MEMORY_BYTES_MAX, memory_repeats
from worker.rows.scratch import scratch_errors, scratch_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits
    from worker.rows.parts import StagedPart
    from worker.rows.repeats import Repeats

#: Rows between two calls of `on_progress`, at most.
PROGRESS_ROWS = 10_000
#: File name of the row index.
INDEX = "rows.index"


@dataclass(frozen=True, slots=True)
class Staged:
    """What an input holds: ``rows = empty + withheld + folded + distinct``."""

    dialect: Dialect
    rows: int
    empty: int
    withheld: int
    folded: int
    distinct: int
    #: Rows, blank ones apart, that do not have as many cells as there were columns to begin with; they are taken as
    #: they are.
    ragged: int
    #: Columns that the longest of these rows added.
    added_columns: int
    input_bytes: int
    input_sha256: str
    parts: tuple[StagedPart, ...]
    #: The file with the number of each row's value (see `worker.rows.index`).
    index: Path


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
    """Read the input at `path` and write its parts and row index into the private `folder`, which exists.

    The `dialect` is found out with the help of `options` unless it is known already. `on_progress` is told the rows
    read so far, every `PROGRESS_ROWS` of them, and about every second after that; what it raises ends staging. The same
    input and arguments always give the same parts. Raises `InputError`, which calls the input `name`, or by its file
    name; or `ScratchFailed` when `folder` cannot be written.
    """
    name = name or path.name
    dialect = dialect or detect(path, kind, options, name)
    limits = limits.for_rows_of(len(dialect.columns))
    with InputRows(path, dialect, limits, name) as rows, scratch_folder(folder / "fold") as private:
        column, keys = ColumnCells(dialect, limits), KeyFile(private, kind, screen=options.screen)
        due = PROGRESS_ROWS
        for done in keys.write(rows.cells(column)):
            while due <= done:
                on_progress(due)
                due += PROGRESS_ROWS
        if not keys.values:
            shown = shown_column(kind, dialect.columns, dialect.column_index)
            withheld = f" ({keys.withheld:,} withheld)" if keys.withheld else ""
            raise NoValues(
                f"{name}: column {shown} has no {kind.value} to verify "
                f"in any of its {rows.rows} rows{withheld}; check the file, or set options.column",
            )

        def on_wait() -> None:
            on_progress(keys.rows)

        index = folder / INDEX
        with _repeats(keys, private, on_wait) as repeated:
            parts = PartsWriter(folder, keys.values - repeated.rows, rows_per_part)
            _write(keys, repeated, parts, index, on_wait)
        return Staged(
            dialect=dialect.widened(column.width),
            rows=rows.rows,
            empty=keys.empty,
            withheld=keys.withheld,
            folded=repeated.rows,
            distinct=keys.values - repeated.rows,
            ragged=column.ragged,
            added_columns=max(column.width - len(dialect.columns), 0),
            input_bytes=rows.bytes,
            input_sha256=rows.sha256,
            parts=tuple(parts.parts),
            index=index,
        )


def _repeats(keys: KeyFile, private: Path, on_wait: Callable[[], None]) -> AbstractContextManager[Repeats]:
    """The repeats among the keys, found in the way that suits how many they are."""
    if keys.path.stat().st_size <= IN_MEMORY_BYTES_MAX:
        return nullcontext(memory_repeats(keys))
    return engine_repeats(keys.path, private, keys.rows, on_wait)


def _write(keys: KeyFile, repeated: Repeats, parts: PartsWriter, index: Path, on_wait: Callable[[], None]) -> None:
    """Write the parts and the row index."""
    with ExitStack() as stack:
        with scratch_errors(index):
            file = stack.enter_context(index.open("w+b", buffering=0))
            numbering = Numbering(repeated, file)
        stack.enter_context(parts)
        for block in keys.read():
            with scratch_errors(index):
                first = numbering.first_rows(block)
            sent = list(compress(block.keys, first))
            parts.write(sent if block.values is block.keys else list(compress(block.values, first)), sent)
            on_wait()
        with scratch_errors(index):
            numbering.finish()
