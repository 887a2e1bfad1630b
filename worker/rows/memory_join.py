"""The join of a small part's values and verdicts: in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.rows.twins import TWINS_MAX, Twins

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from worker.rows.twins import Settle


class MemoryJoin:
    """See `worker.rows.align_by_keys.Join`."""

    def __init__(self) -> None:
        self._answers: list[tuple[str, str, int]] = []
        self._values: list[tuple[str, str]] = []
        self.extra = 0
        self.duplicate = 0

    def answered(self, keys: Sequence[str], loose: Sequence[str], places: Sequence[int]) -> None:
        """Take in verdicts."""
        self._answers.extend(zip(keys, loose, places, strict=True))

    def sent(self, keys: Sequence[str], loose: Sequence[str]) -> None:
        """Take in values."""
        self._values.extend(zip(keys, loose, strict=True))

    def matches(self, settle: Settle) -> Generator[tuple[int, int], None, None]:
        """Number and place of each value that has a verdict."""
        first: dict[str, int] = {}
        for key, _, place in self._answers:
            first.setdefault(key, place)
        found = {number: first[key] for number, (key, _) in enumerate(self._values) if key in first}
        used, duplicate = len(found), len(self._answers) - len(first)
        for twins in self._twins({loose for number, (_, loose) in enumerate(self._values) if number not in found}):
            settled = settle(twins)
            for number, _ in twins.values:
                found.pop(number, None)
            found.update(settled.places)
            used += settled.further_keys
            duplicate -= settled.paired
        self.extra, self.duplicate = len(first) - used, duplicate
        yield from sorted(found.items())

    def _twins(self, wanted: set[str]) -> list[Twins]:
        """The values and answers with these loose keys, where there are any answers."""
        groups: dict[str, Twins] = {}
        for key, loose, place in self._answers if wanted else ():
            if loose in wanted:
                groups.setdefault(loose, Twins([], [])).answers.append((place, key))
        for number, (key, loose) in enumerate(self._values if groups else ()):
            if loose in groups:
                groups[loose].values.append((number, key))
        return [twins for twins in groups.values() if len(twins.values) + len(twins.answers) <= TWINS_MAX]
