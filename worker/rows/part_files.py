"""What went out for a part and what came back, read from its files side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.rows.collected import read_placed
from worker.rows.comparing import read_values
from worker.rows.errors import CollectedUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.rows.collected import CollectedPart, SentPart
    from worker.rows.verdict_rests import Said

#: Different columns that verdicts may bring in all.
COLUMNS_MAX = 1_000


class ColumnNames:
    """The different columns of verdicts in the order they were first seen."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._latest: list[str] = []

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._names)

    def see(self, verdicts: Iterable[Said]) -> None:
        """Take in the columns of verdicts; most bring those of the one before. Raises `CollectedUnreadable`."""
        seen = None
        for _, columns in verdicts:
            if columns is not seen and [*columns] != self._latest:
                self._see(columns)
            seen = columns

    def _see(self, columns: dict[str, str]) -> None:
        self._latest = [*columns]
        self._names.update(dict.fromkeys(columns))
        if len(self._names) > COLUMNS_MAX:
            raise CollectedUnreadable(
                f"verdicts bring more than {COLUMNS_MAX} different columns; one of the collected files is damaged, "
                "collect its part again",
            )


def read_answers(part: SentPart, found: CollectedPart, columns: ColumnNames) -> Iterator[tuple[list[int], list[str]]]:
    """Places and values of all verdicts on a part, block by block; `columns` sees all. Raises `CollectedUnreadable`."""
    try:
        with found.path.open("rb") as file:
            for places, values, said in read_placed(file, found.path.name):
                columns.see(said)
                yield places, values
    except OSError as error:
        raise CollectedUnreadable(
            f"{found.path.name}, the verdicts of part {part.index}, cannot be read ({error.strerror}); "
            "collect the part again",
        ) from error


def read_sent(part: SentPart, found: CollectedPart) -> Iterator[str]:
    """The values of a part, as they were sent. Raises `CollectedUnreadable`, also where they are not as many."""
    values = 0
    try:
        for value in read_values(found.values):
            values += 1
            if values > part.rows:
                break
            yield value
    except OSError as error:
        raise CollectedUnreadable(
            f"{found.values.name}, the values of part {part.index}, cannot be read ({error.strerror}); "
            "look whether storage still has it",
        ) from error
    if values != part.rows:
        raise CollectedUnreadable(
            f"{found.values.name} does not hold the {part.rows} values of part {part.index}; the object is damaged",
        )
