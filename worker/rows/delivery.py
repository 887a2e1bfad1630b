"""Delivery: every row of the input, in its order and with its own characters, and its verdict beside it.

The result is text in UTF-8. As CSV, a row is the input's row as it stands there, with the `bv_` cells and the
provider's added; as JSON Lines, it is an object. See `worker.rows.result_text`.

Nothing is looked up by its text: the row index tells each row's value by its number, and the alignment tells where the
verdict on that value lies. First rows, which are most, find their verdicts one after the other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO

from worker.core.rows import RowCounts, RowState
from worker.rows.added_columns import added_columns, different_columns
from worker.rows.align import align
from worker.rows.digest import measured_text
from worker.rows.errors import CollectedUnreadable, InputUnreadable, RowIndexDamaged
from worker.rows.index import EMPTY, WITHHELD, read_index
from worker.rows.raw_rows import RawRows, input_changed
from worker.rows.result_form import ResultForm
from worker.rows.result_text import TooManyCells, result_text
from worker.rows.verdict_lines import VerdictLines
from worker.rows.verdict_rests import KEPT_BYTES_MAX, KEPT_RESTS, parse_rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.align import Alignment
    from worker.rows.collected import SentPart
    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits
    from worker.rows.result_text import ResultText

#: The states as text: members of an enumeration are slow to look up by, millions of times.
_STATES = tuple(state.value for state in RowState)
_MATCHED, _FOLDED, _EMPTY, _WITHHELD, _MISSING = _STATES
#: What becomes of a row by what the index has in place of a number.
_WITHOUT_VALUE = {EMPTY: _EMPTY, WITHHELD: _WITHHELD}
#: The form that results have unless another is asked for.
USUAL_FORM = ResultForm()


@dataclass(frozen=True, slots=True)
class StagedInput:
    """An input and what staging found out about it, so that delivery reads it in the same way."""

    path: Path
    #: Its row index (see `worker.rows.index`).
    index: Path
    dialect: Dialect
    kind: Kind
    sha256: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a result holds."""

    counts: RowCounts
    #: Rows by verdict word.
    verdicts: Mapping[str, int]
    sha256: str
    bytes: int
    columns: tuple[str, ...]
    #: Verdicts on values that were not sent in their part; they are not in the result.
    extra_verdicts: int
    #: Further verdicts on a value that had one; the first one counts.
    duplicate_verdicts: int


def deliver(
    staged: StagedInput,
    parts: Sequence[SentPart],
    out: BinaryIO,
    *,
    folder: Path,
    provider: str,
    limits: Limits,
    on_progress: Callable[[int], None],
    form: ResultForm = USUAL_FORM,
) -> Delivered:
    """Join the verdicts of all `parts`, in order, to the staged input; write the result to `out`, which is left open.

    Intermediate files go to the private `folder`, which exists. `on_progress` is told the rows written so far. On any
    exception what was written to `out` is worthless. Raises `InputError` (`InputChanged` when the input is not the one
    that was staged), `RowIndexDamaged`, `CollectedUnreadable`, `ScratchFailed`, or `RowsNotConserved`.
    """
    alignment = align(parts, staged.kind, folder)
    own = staged.dialect.columns if form.format == "csv" else different_columns(staged.dialect.columns)
    columns = (*own, *added_columns(own, provider, alignment.columns))
    text = result_text(form, staged.dialect, columns)
    header = _header(staged, limits, text)
    with (
        VerdictLines(parts, alignment.path) as verdicts,
        RawRows(staged.path, staged.dialect, limits) as rows,
        measured_text(out) as (result, measured),
    ):
        values = sum(part.rows for part in parts)
        joiner = _Joiner(staged, values, text, _Added(verdicts, values, text, provider, alignment))
        result.write(header)
        try:
            for lines in joiner.join(rows):
                result.write("".join(lines))
                on_progress(joiner.rows)
        except TooManyCells:
            raise input_changed(staged.path.name) from None
        except RowIndexDamaged:
            # No index fits to an input that changed.
            if _digest(staged.path) != staged.sha256:
                raise input_changed(staged.path.name) from None
            raise
        if rows.sha256 != staged.sha256:
            raise input_changed(staged.path.name)
    return Delivered(
        counts=joiner.counts(),
        verdicts={word: rows for word, rows in joiner.words.items() if word},
        sha256=measured.sha256,
        bytes=measured.bytes,
        columns=columns,
        extra_verdicts=alignment.extra_verdicts,
        duplicate_verdicts=alignment.duplicate_verdicts,
    )


#: State, verdict word ("" without one) and what is added to the row.
Addition = tuple[str, str, str]


class _Added:
    """What is added to rows, made of the verdicts on their values."""

    def __init__(
        self, verdicts: VerdictLines, values: int, text: ResultText, provider: str, alignment: Alignment
    ) -> None:
        self._verdicts = verdicts
        self._text = text
        self._provider = provider
        self._columns = list(alignment.columns)
        self._kept = lru_cache(KEPT_RESTS)(self._made)
        #: By what the index has in place of a number, what rows get that have no value.
        self.without = {number: self._without(state) for number, state in _WITHOUT_VALUE.items()}
        self._missing = self._without(_MISSING)
        #: What is added to the first row of each value, in order.
        self.first = self._of(range(values), _MATCHED)

    def again(self, numbers: Sequence[int]) -> dict[int, Addition]:
        """What is added to further rows with those values, by their numbers."""
        different = sorted(set(numbers))
        return dict(zip(different, self._of(different, _FOLDED), strict=True))

    def _of(self, numbers: Sequence[int], state: str) -> Iterator[Addition]:
        kept = self._kept
        for checked_at, rests in self._verdicts.of(numbers):
            for rest in rests:
                if rest is None:
                    yield self._missing
                else:
                    short = len(rest) <= KEPT_BYTES_MAX
                    yield kept(state, checked_at, rest) if short else self._made(state, checked_at, rest)

    def _made(self, state: str, checked_at: str, rest: bytes) -> Addition:
        try:
            word, columns = parse_rest(rest)
            # Most verdicts bring all columns, in the same order.
            usual = list(columns) == self._columns
            own = columns.values() if usual else [columns.get(name, "") for name in self._columns]
            return state, word, self._text.added([state, word, self._provider, checked_at, *own])
        except (ValueError, KeyError, TypeError):
            raise CollectedUnreadable(
                "a collected verdict is damaged, or has a column that is no text; collect its part again",
            ) from None

    def _without(self, state: str) -> Addition:
        return state, "", self._text.added([state, *[""] * (3 + len(self._columns))])


class _Joiner:
    """Rows of the input to lines of the result; the index says of what value each row is, of so many values in all."""

    def __init__(self, staged: StagedInput, values: int, text: ResultText, added: _Added) -> None:
        self._index = staged.index
        self._values = values
        self._text = text
        self._added = added
        #: The number of the value whose first row comes next.
        self._next = 0
        self.rows = 0
        self.ends: Counter[str] = Counter()
        self.words: Counter[str] = Counter()

    def join(self, rows: RawRows) -> Iterator[list[str]]:
        """The lines for all rows, in blocks. Raises `RowIndexDamaged`, `TooManyCells`."""
        try:
            with self._index.open("rb") as file:
                numbers = chain.from_iterable(read_index(file))
                for block in rows:
                    mine = list(islice(numbers, len(block)))
                    self.rows += len(mine)
                    if len(mine) < len(block):
                        raise RowIndexDamaged(f"{self._index.name} ends after {self.rows} rows, and there are more")
                    yield self._text.lines(block, self._added_to(mine))
                if next(numbers, None) is not None or self._next != self._values:
                    raise RowIndexDamaged(
                        f"{self._index.name} is for other rows: {self.rows} were read, and {self._next} of the "
                        f"{self._values} values that were sent are in them",
                    )
        except OSError as error:
            raise RowIndexDamaged(f"{self._index.name} cannot be read ({error.strerror})") from error

    def counts(self) -> RowCounts:
        """What became of the rows. Raises `RowsNotConserved`."""
        return RowCounts(self.rows, **{state: self.ends[state] for state in _STATES}).check()

    def _added_to(self, numbers: Sequence[int]) -> list[str]:
        """What is added to some rows, by the numbers of their values; counts what becomes of them."""
        other = self._added.again(self._repeats(numbers)) | self._added.without
        first, following = self._added.first, self._next
        added = []
        for number in numbers:
            if number == following:
                following += 1
                added.append(next(first))
            else:
                added.append(other[number])
        self._next = following
        self.ends.update([state for state, _, _ in added])
        self.words.update([word for _, word, _ in added])
        return [text for _, _, text in added]

    def _repeats(self, numbers: Sequence[int]) -> list[int]:
        """The numbers of values that an earlier row has. Raises `RowIndexDamaged` for a number that none may have."""
        repeats, following = [], self._next
        for number in numbers:
            if number == following < self._values:
                following += 1
            elif number < following:
                repeats.append(number)
            elif number not in _WITHOUT_VALUE:
                raise RowIndexDamaged(f"{self._index.name} has a value out of turn shortly before row {self.rows}")
        return repeats


def _header(staged: StagedInput, limits: Limits, text: ResultText) -> str:
    """What comes before the result's rows."""
    with RawRows(staged.path, staged.dialect, limits) as rows:
        for block in rows:
            if rows.header is not None or not staged.dialect.header:
                return text.header(rows.header, block[0])
        return text.header(rows.header, "")


def _digest(path: Path) -> str:
    """The digest of a whole input. Raises `InputUnreadable`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputUnreadable(f"{path.name} cannot be read ({error.strerror}); check its permissions") from error
