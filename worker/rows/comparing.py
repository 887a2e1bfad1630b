"""Whether two lists of values are one list: the one that was sent, and the one that a result is about."""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING

from worker.rows.values import fold_key, loose_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from worker.providers.port import Kind

#: Values of each list that are compared at most: a sample of both, chosen by the values themselves.
SAMPLE_VALUES_MAX = 200_000


def read_values(path: Path) -> Iterator[str]:
    """The values of one part, as they were sent. Raises `OSError`."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield row[0]


def shared_fraction(kind: Kind, sent: Iterable[str], answered: Iterable[str], *, rows: int) -> float | None:
    """How much of the smaller list the other one has, 0.0 to 1.0; `None` when both are the same set of values.

    Case and white space do not count, as they do not when verdicts are joined. `rows`: of the longer list. An empty
    list shares everything: nothing tells it apart.
    """
    step = rows // SAMPLE_VALUES_MAX + 1
    ours, theirs = _sample(kind, sent, step), _sample(kind, answered, step)
    if ours == theirs:
        return None
    smaller = min(len(ours), len(theirs))
    return len(ours & theirs) / smaller if smaller else 1.0


def _sample(kind: Kind, values: Iterable[str], step: int) -> set[int]:
    """Fingerprints of the values, of every `step`-th on average: the same ones whatever the order."""
    keys = (loose_key(kind, fold_key(kind, value)) for value in values)
    prints = (int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) for key in keys)
    return {fingerprint for fingerprint in prints if fingerprint % step == 0}
