"""Evidence: a few plain values that say what was seen. Ids, counts, times and bounded words, never a value of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

#: One value of the evidence.
Plain: TypeAlias = str | int | float | bool | None
#: What was seen, by name.
Evidence: TypeAlias = Mapping[str, Plain]

#: Most values of one finding's evidence.
EVIDENCE_VALUES_MAX = 8
#: Most characters of a text in it: a remote id, a token, a part's id or the provider's word for a status.
EVIDENCE_CHARACTERS_MAX = 160


def bounded(evidence: Evidence) -> dict[str, Plain]:
    """The evidence as it is kept: cut where it is too long, without what is not known or is no number."""
    plain = {name: _plain(value) for name, value in evidence.items()}
    known = [(name, value) for name, value in plain.items() if value is not None]
    return dict(known[:EVIDENCE_VALUES_MAX])


def _plain(value: Plain) -> Plain:
    if isinstance(value, str):
        return value[:EVIDENCE_CHARACTERS_MAX]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
