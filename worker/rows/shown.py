"""What a producer wrote, made fit to stand in a message: a path, a column's name."""

from __future__ import annotations

#: Most characters of a path or a name that a message repeats.
SHOWN_CHARACTERS_MAX = 200


def shown(text: str, characters_max: int = SHOWN_CHARACTERS_MAX) -> str:
    """`text` in quotes, whatever cannot be printed as an escape; of a long one the beginning and the end."""
    quoted = repr(text)
    if len(quoted) <= characters_max:
        return quoted
    half = characters_max // 2
    return f"{quoted[:half]}…{quoted[-half:]}"
