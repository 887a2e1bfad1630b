"""Chance that repeats itself: whatever is made up follows from the seed and the value."""

from __future__ import annotations

from hashlib import blake2b

#: Values of one byte.
_BYTE_VALUES = 256


def seeded_digest(seed: int, text: str) -> bytes:
    """16 bytes that only depend on the seed and the text, whatever its case and the space around it."""
    return blake2b(text.strip().lower().encode(), digest_size=16, key=seed.to_bytes(8, "big", signed=True)).digest()


def happens(byte: int, share: float) -> bool:
    """True for `share` (0.0 to 1.0) of all bytes: the lowest ones."""
    return byte < share * _BYTE_VALUES
