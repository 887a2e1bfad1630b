"""One entry of a timeline as it stands in Redis: a JSON object without the fields that are empty.

Entries that are JSON lists of the same fields, in their order, are read as well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What an entry holds.
FIELDS = ("at", "decision", "part", "reason", "details")


def to_entry(at: object, decision: str, part: int | None, reason: str, details: object) -> str:
    """An entry's text; half a surrogate pair, which Lua cannot read, becomes a question mark."""
    entry = _told((at, decision, part, reason or None, details or None))
    text = json.dumps(entry, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def from_entry(text: str) -> dict[str, Any]:
    """An entry by the names of its fields; what is empty is not there."""
    entry = json.loads(text)
    return entry if isinstance(entry, dict) else _told(entry)


def _told(values: Iterable[object]) -> dict[str, Any]:
    return {name: value for name, value in zip(FIELDS, values, strict=False) if value is not None}
