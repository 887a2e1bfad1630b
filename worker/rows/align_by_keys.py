"""The alignment of a part whose verdicts came in any order, or in another case: by keys, in bounded memory."""

from __future__ import annotations

from array import array
from contextlib import ExitStack, closing
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Protocol

from worker.rows.engine_join import EngineJoin
from worker.rows.memory_join import MemoryJoin
from worker.rows.part_files import read_answers, read_sent
from worker.rows.plain import fold_keys
from worker.rows.twins import settle
from worker.rows.values import loose_key
from worker.rows.verdict_lines import LineFile, unreadable
from worker.rows.verdict_places import TYPECODE, write_found
from worker.rows.verdict_rests import parse_rest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.collected import CollectedPart, SentPart
    from worker.rows.part_files import ColumnNames
    from worker.rows.twins import Settle, Settled, Twins

#: Values of a part, and bytes of its verdicts, that are joined in memory: an engine that joins any part would take
#: longer to start.
IN_MEMORY_VALUES_MAX = 64 * 1024
IN_MEMORY_BYTES_MAX = 24 * 1024 * 1024
#: Values that are keyed at a time.
SENT_TOGETHER = 4_096


class Join(Protocol):
    """Finds the verdict on each value: told all verdicts by place, all values by number, then asked once for both."""

    #: Verdicts, and further verdicts, that no value has; known once the last match was given.
    extra: int
    duplicate: int

    def answered(self, keys: Sequence[str], loose: Sequence[str], places: Sequence[int]) -> None:
        """Take in verdicts: the keys and loose keys of what they are about, and their places, which ascend."""

    def sent(self, keys: Sequence[str], loose: Sequence[str]) -> None:
        """Take in the next values by their keys and loose keys."""

    def matches(self, settle: Settle) -> Generator[tuple[int, int], None, None]:
        """Number and place of each value that has a verdict, by number; `settle` decides on twins."""


class ByKeys:
    """A part whose verdicts are joined to its values; `recased` where they came in order, and differ but in case."""

    def __init__(self, part: SentPart, found: CollectedPart, kind: Kind, *, recased: bool) -> None:
        self._part = part
        self._found = found
        self._kind = kind
        self._recased = recased
        self.extra = 0
        self.duplicate = 0

    def align(self, columns: ColumnNames, folder: Path, out: BinaryIO) -> None:
        """Write the part's places and count the verdicts that have none. Raises `CollectedUnreadable`, `OSError`."""
        with ExitStack() as stack:
            join: Join = MemoryJoin() if self._is_small() else stack.enter_context(EngineJoin(folder))
            for places, values in read_answers(self._part, self._found, columns):
                join.answered(*self._keys(values), places)
            sent = read_sent(self._part, self._found)
            while values := list(islice(sent, SENT_TOGETHER)):
                join.sent(*self._keys(values))
            try:
                lines = stack.enter_context(closing(LineFile(self._found.path)))
            except OSError as error:
                raise unreadable(self._part, error) from error
            found = stack.enter_context(closing(join.matches(lambda twins: self._settled(twins, lines))))
            write_found(out, self._part.rows, found)
            self.extra, self.duplicate = join.extra, join.duplicate

    def _is_small(self) -> bool:
        if self._part.rows > IN_MEMORY_VALUES_MAX:
            return False
        try:
            return self._found.path.stat().st_size <= IN_MEMORY_BYTES_MAX
        except OSError as error:
            raise unreadable(self._part, error) from error

    def _keys(self, values: Sequence[str]) -> tuple[list[str], list[str]]:
        """The fold key and the loose key of each value."""
        keys = fold_keys(self._kind, values)
        return keys, [loose_key(self._kind, key) for key in keys]

    def _settled(self, twins: Twins, lines: LineFile) -> Settled:
        def agree(places: Sequence[int]) -> bool:
            try:
                rests = set(lines.rests(array(TYPECODE, places)))
                first, *others = (parse_rest(rest) for rest in rests if rest is not None)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise unreadable(self._part, error) from error
            return all(other == first for other in others)

        return settle(twins, in_order=self._recased, agree=agree)
