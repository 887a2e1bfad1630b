"""The submitted values of a job: counted once while they come in, kept in a file, read again for every answer."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from worker.providers.sandbox.knobs import Knobs

#: Rows that one job holds at most.
ROWS_MAX = 5_000_000


class TooManyRows(ValueError):
    """A list is longer than the simulator takes."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Values in a file, and how many there are of each class."""

    path: Path
    counts: Counter[str]

    @property
    def rows(self) -> int:
        """How many values there are."""
        return self.counts.total()

    def values(self) -> Iterator[str]:
        """The values in the order in which they came."""
        with self.path.open(encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                yield row[0]

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


def spool_values(values: Iterable[str], folder: Path, judge: Callable[[str], str], *, deduplicate: bool) -> Spool:
    """Write values to a file in `folder` and count them by `judge`'s word; memory does not grow with their number.

    With `deduplicate` a value is written once; that takes about 100 bytes of memory for each. Raises `TooManyRows`;
    whatever is raised, by `values` too, leaves no file.
    """
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=folder, prefix="values-", suffix=".csv", delete=False
    ) as file:
        spool = Spool(Path(file.name), counts)
        try:
            write = csv.writer(file).writerow
            for value in _limited(values):
                if deduplicate:
                    if value in seen:
                        continue
                    seen.add(value)
                write((value,))
                counts[judge(value)] += 1
        except BaseException:
            spool.discard()
            raise
    return spool


def _limited(values: Iterable[str]) -> Iterator[str]:
    for position, value in enumerate(values):
        if position >= ROWS_MAX:
            raise TooManyRows(f"A list has at most {ROWS_MAX} rows here.")
        yield value


def result_values(spool: Spool, knobs: Knobs, missing_row_every: int = 0) -> Iterator[str]:
    """The values as a result has them: by the knobs some missing, in another order, in lower case.

    `missing_row_every`: what goes for this job alone, 0: what the knob says.
    """
    passes = (0, 1) if knobs.reorder_rows else (None,)
    every = missing_row_every or knobs.missing_row_every
    for parity in passes:
        for position, value in zip(count(1), spool.values()):
            if parity is not None and position % 2 != parity:
                continue
            if every and position % every == 0:
                continue
            yield value.lower() if knobs.lowercase_values else value
