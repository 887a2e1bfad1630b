"""The names of the columns that a result has beside the input's.

A name that is added gives way to a name that is there (compared without case): the four `bv_` columns take one common
suffix `_2`, `_3`, … (verifying a result again), a provider's column becomes `<provider>_<name>`, and takes a suffix
where that is there, too.
"""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The columns every result has, in this order after the input's own.
BV_COLUMNS = ("bv_row", "bv_verdict", "bv_provider", "bv_checked_at")


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


def different_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The input's columns under names that are all different: one that was there before takes a suffix."""
    names: dict[str, None] = {}
    for name in columns:
        candidates = (name + suffix for suffix in _suffixes())
        names[next(candidate for candidate in candidates if candidate not in names)] = None
    return tuple(names)


def _suffixes() -> Iterator[str]:
    """No suffix, then `_2`, `_3` and so on."""
    yield ""
    yield from (f"_{number}" for number in count(2))
