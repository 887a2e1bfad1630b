"""One entry of a timeline as it stands in Redis: a JSON list, because six entries of every upload name nothing but it.

    [at, decision, part, reason, details]        what is empty at the end is left out; inside it is `null`

Entries that are JSON objects, with the same words as names, are read as well.
"""

from __future__ import annotations

import json
from typing import Any

#: What the places of an entry hold.
FIELDS = ("at", "decision", "part", "reason", "details")


def to_entry(at: object, decision: str, part: int | None, reason: str, details: object) -> str:
    """An entry's text; half a surrogate pair, which Lua cannot read, becomes a question mark."""
    places: list[object] = [at, decision, part, reason or None, details or None]
    while places[-1] is None:
        places.pop()
    text = json.dumps(places, default=str, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def from_entry(text: str) -> dict[str, Any]:
    """An entry by the names of its places; what was left out is not there."""
    places = json.loads(text)
    if isinstance(places, dict):
        return places
    return {name: value for name, value in zip(FIELDS, places, strict=False) if value is not None}
