"""What a provider's JSON or CSV value means, however it was written down.

The documented samples and the vendors' own clients show booleans as `true`, `"true"`, `1` or `"1"`, numbers as strings,
and `"null"` for null. Nothing here raises: what cannot be understood is `None`.
"""

from __future__ import annotations

import json

#: Most digits of a whole number that is read; every documented id, counter and epoch is far shorter.
DIGITS_MAX = 18

#: Most levels of objects and arrays in one another; every documented answer has fewer than ten.
LEVELS_MAX = 50

_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


def as_bool(value: object) -> bool | None:
    """The truth value meant, `None` for null, for nothing and for any other word."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def as_int(value: object) -> int | None:
    """The whole number meant; a boolean is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**DIGITS_MAX else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 10**DIGITS_MAX else None
    digits = value.strip() if isinstance(value, str) else ""
    unsigned = digits.removeprefix("-")
    return int(digits) if unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= DIGITS_MAX else None


def as_remote_id(value: object) -> str | None:
    """A remote id in its one spelling: decimal digits without leading zeros."""
    number = as_int(value)
    return str(number) if number is not None and number >= 0 else None


def as_text(value: object) -> str:
    """A cell for a result column: strings as they are, lists joined by spaces, everything else as JSON writes it.

    Halves of surrogate pairs, which JSON can spell and UTF-8 cannot, become U+FFFD.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return " ".join(as_text(item) for item in value)
    return as_text(json.dumps(value, ensure_ascii=False))


def nested_too_deeply(value: object) -> bool:
    """Whether a value has more than `LEVELS_MAX` levels; it could not be turned into text."""
    level = [value]
    for _ in range(LEVELS_MAX):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def as_mapping(value: object) -> dict[str, object]:
    """A JSON object, empty if the value is none."""
    return value if isinstance(value, dict) else {}
