"""The columns of an account's results of one kind: those that applications know, and others that came since.

A change is news for a while, in which it is told; then the new columns are the known ones. Names are kept as digests: a
file without a header has somebody's values there.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

from worker.core.schema import SCHEMA_VERSION, upgraded

if TYPE_CHECKING:
    from collections.abc import Iterable

#: For how long other columns are told of, seconds: 7 days. Results that come after that make them the known ones.
NEWS_SECONDS = 7 * 86_400.0
#: Columns of one result that are looked at.
COLUMNS_MAX = 500
#: Hexadecimal digits that tell one name from another.
NAME_DIGITS = 12


class KnownColumns(BaseModel):
    """The columns of one kind of results, each name by its digest, sorted. Unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: int = SCHEMA_VERSION
    known: tuple[str, ...]
    #: Those of the latest result where they differ, and since when results have them, epoch seconds.
    other: tuple[str, ...] = ()
    since: float | None = None

    def after(self, columns: tuple[str, ...], now: float) -> Self:
        """What is known after one more result with these columns."""
        if columns == self.known:
            return self.model_copy(update={"other": (), "since": None})
        if columns != self.other or self.since is None:
            return self.model_copy(update={"other": columns, "since": now})
        if now - self.since < NEWS_SECONDS:
            return self
        return self.model_copy(update={"known": columns, "other": (), "since": None})

    def dump(self) -> str:
        """The text that is kept."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` wrote. Raises `LaterSchema`, and `ValueError` or `TypeError` where the text is damaged."""
        return cls.model_validate(upgraded("columns", json.loads(text)))


def digests_of(columns: Iterable[str]) -> tuple[str, ...]:
    """The names as they are kept: the order in which they came says nothing."""
    names = sorted(set(columns))[:COLUMNS_MAX]
    return tuple(sorted(hashlib.sha256(name.encode()).hexdigest()[:NAME_DIGITS] for name in names))
