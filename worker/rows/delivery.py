"""Delivery: every row of the input, in its order, with its verdict beside it.

The result is CSV in UTF-8 (commas, LF, RFC 4180 quoting) with a header row: the input's columns, the four `bv_`
columns, then the provider's own columns. A name that we add gives way to a name that is there (compared without case):
the four `bv_` columns take one common suffix `_2`, `_3`, … (verifying a result again), a provider's column becomes
`<provider>_<name>`, and takes a suffix where that is there, too.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import TYPE_CHECKING, BinaryIO, TextIO

from worker.core.rows import RowCounts, RowState
from worker.rows.collected import read_verdicts
from worker.rows.comparing import read_values
from worker.rows.digest import measured_text
from worker.rows.errors import CollectedUnreadable, InputChanged
from worker.rows.join import Verdicts
from worker.rows.reading import InputRows
from worker.rows.scratch import scratch
from worker.rows.values import fold_key, row_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.dialect import Dialect
    from worker.rows.join import Match
    from worker.rows.limits import Limits

#: The columns every result has, in this order after the input's own.
BV_COLUMNS = ("bv_row", "bv_verdict", "bv_provider", "bv_checked_at")
#: Rows joined at a time, and between two calls of `on_progress`.
BATCH_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class CollectedPart:
    """The collected verdicts of one part, on local disk."""

    index: int
    path: Path
    #: The values that were sent, as staging wrote them.
    values: Path
    #: When the provider checked the values, ISO 8601.
    checked_at: str


@dataclass(frozen=True, slots=True)
class StagedInput:
    """An input and what staging found out about it, so that delivery reads it in the same way."""

    path: Path
    dialect: Dialect
    kind: Kind
    sha256: str
    #: Whether values that cannot be of the kind were withheld.
    screen: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a result holds."""

    counts: RowCounts
    #: Rows by verdict word.
    verdicts: Mapping[str, int]
    sha256: str
    bytes: int
    columns: tuple[str, ...]
    #: Verdicts on values that are not in the input; they are not in the result.
    extra_verdicts: int
    #: Further verdicts on a value that had one; the first one counts.
    duplicate_verdicts: int


def deliver(
    staged: StagedInput,
    collected: Sequence[CollectedPart],
    out: BinaryIO,
    *,
    folder: Path,
    provider: str,
    limits: Limits,
    on_progress: Callable[[int], None],
) -> Delivered:
    """Join the collected verdicts to the staged input and write the result to `out`, which is flushed and left open.

    Intermediate files go to the private `folder`, which exists. `on_progress` is told the rows written so far. On any
    exception what was written to `out` is worthless. Raises `InputError` (`InputChanged` when the input is not the one
    that was staged), `CollectedUnreadable`, `ScratchFailed`, or `RowsNotConserved`.
    """
    with scratch(folder / "join.sqlite3") as database:
        verdicts = Verdicts(database, staged.kind, lambda: _sent(collected))
        checked_at = _load(verdicts, collected)
        joiner = _Joiner(staged, verdicts, provider, checked_at)
        with InputRows(staged.path, staged.dialect, limits) as rows, measured_text(out) as (text, measured):
            write = _row_writer(text)
            write(joiner.columns)
            for batch in _batches(rows):
                for cells in joiner.join(batch):
                    write(cells)
                on_progress(rows.rows)
            if rows.sha256 != staged.sha256:
                raise _changed(staged)
        ends = joiner.ends
        counts = RowCounts(rows.rows, **{state.value: ends[state] for state in RowState}).check()
        return Delivered(
            counts=counts,
            verdicts=dict(joiner.words),
            sha256=measured.sha256,
            bytes=measured.bytes,
            columns=joiner.columns,
            extra_verdicts=verdicts.unused(),
            duplicate_verdicts=verdicts.duplicates(),
        )


def added_columns(columns: Sequence[str], provider: str, own: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns that delivery adds to `columns`; `own` are the provider's."""
    taken = {name.lower() for name in columns}
    suffix = next(s for s in _suffixes() if taken.isdisjoint(name + s for name in BV_COLUMNS))
    added = [name + suffix for name in BV_COLUMNS]
    taken.update(added)
    for name in own:
        prefixed = f"{provider}_{name}"
        names = chain((name,), (prefixed + suffix for suffix in _suffixes()))
        free = next(candidate for candidate in names if candidate.lower() not in taken)
        added.append(free)
        taken.add(free.lower())
    return tuple(added)


class _Joiner:
    """Rows of the input to rows of the result."""

    def __init__(self, staged: StagedInput, verdicts: Verdicts, provider: str, checked_at: Mapping[int, str]) -> None:
        self._staged = staged
        self._verdicts = verdicts
        self._provider = provider
        self._checked_at = checked_at
        original = staged.dialect.columns
        own = verdicts.columns
        self.columns = (*original, *added_columns(original, provider, own))
        self._width = len(original)
        self._own_width = len(own)
        self.ends: Counter[RowState] = Counter()
        self.words: Counter[str] = Counter()

    def join(self, batch: Sequence[Sequence[str]]) -> Iterator[list[str]]:
        """The result's rows for some rows of the input."""
        kind, index, screen = self._staged.kind, self._staged.dialect.column_index, self._staged.screen
        values = [row_value(kind, row[index] if index < len(row) else "", screen=screen) for row in batch]
        keys = [None if state else fold_key(kind, value) for value, state in values]
        matches = self._verdicts.find({key for key in keys if key is not None})
        for row, (_, state), key in zip(batch, values, keys, strict=True):
            if len(row) > self._width:
                raise _changed(self._staged)
            padding = [""] * (self._width - len(row))
            match = matches.get(key) if key is not None else None
            yield [*row, *padding, *self._verdict_cells(state, match)]

    def _verdict_cells(self, state: RowState | None, match: Match | None) -> list[str]:
        """The added cells of one row: those of its verdict, or its state and blanks."""
        if match is None:
            state = state or RowState.MISSING
            self.ends[state] += 1
            return [state.value, "", "", "", *[""] * self._own_width]
        state = RowState.FOLDED if match.seen else RowState.MATCHED
        match.seen = True
        self.ends[state] += 1
        self.words[match.word.value] += 1
        own = match.cells + [""] * (self._own_width - len(match.cells))
        return [state.value, match.word.value, self._provider, self._checked_at[match.part], *own]


class _LineFeeds:
    """Ends csv rows with LF although csv is told CRLF: it quotes only those line breaks in cells that it is told of."""

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def write(self, row: str, /) -> object:
        """Write one row, which ends with CRLF."""
        return self._text.write(row[:-2] + "\n")


def _row_writer(text: TextIO) -> Callable[[Iterable[str]], object]:
    """A function that writes one row of CSV."""
    return csv.writer(_LineFeeds(text), lineterminator="\r\n").writerow


def _load(verdicts: Verdicts, collected: Iterable[CollectedPart]) -> dict[int, str]:
    """Take in all collected parts and return when each was checked."""
    checked_at = {}
    for part in collected:
        checked_at[part.index] = part.checked_at
        try:
            with part.path.open("rb") as file:
                verdicts.add(part.index, read_verdicts(file, part.path.name))
        except OSError as error:
            raise CollectedUnreadable(
                f"{part.path.name}, the verdicts of part {part.index}, cannot be read ({error.strerror}); "
                "collect the part again",
            ) from error
    return checked_at


def _sent(collected: Iterable[CollectedPart]) -> Iterator[str]:
    """The values of all parts, as they were sent."""
    for part in collected:
        try:
            yield from read_values(part.values)
        except OSError as error:
            raise CollectedUnreadable(
                f"{part.values.name}, the values of part {part.index}, cannot be read ({error.strerror}); "
                "look whether storage still has it",
            ) from error


def _batches(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """Rows by `BATCH_ROWS`."""
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH_ROWS)):
        yield batch


def _suffixes() -> Iterator[str]:
    """No suffix, then `_2`, `_3` and so on."""
    yield ""
    yield from (f"_{number}" for number in count(2))


def _changed(staged: StagedInput) -> InputChanged:
    return InputChanged(
        f"{staged.path.name} is not the file that was staged (another SHA-256); put the original back, "
        "or send the new one as another upload",
    )
