"""Short lines that stand for long keys: of keys as long as a cell may be, an engine could hold only a few at a time.

A stand-in is the SHA-256 of its key. Two keys with the same one are not known, nor can anybody make them: rows fold for
equal keys only, as if the keys themselves were compared.
"""

from __future__ import annotations

from hashlib import sha256

#: Bytes of the longest key that stands for itself, and of the longest line: a stand-in is shorter.
KEY_BYTES_MAX = 256
#: How every stand-in ends. A key has no control character, so none is taken for a stand-in.
_MARK = b"\x04"


def shortened(lines: bytes) -> tuple[bytes, list[int]]:
    """Keys, as lines that end with LF, with stand-ins in place of the long ones; and which lines these are, from 0."""
    if not _has_long(lines):
        return lines, []
    keys = lines.split(b"\n")
    long = [at for at, key in enumerate(keys) if len(key) > KEY_BYTES_MAX]
    for at in long:
        keys[at] = stand_in(keys[at])
    return b"\n".join(keys), long


def stand_in(key: bytes) -> bytes:
    """The line that stands for a key that cannot be a line itself."""
    return sha256(key).hexdigest().encode() + _MARK


def is_stand_in(line: bytes) -> bool:
    """Whether a line, without its LF, stands for a long key."""
    return line.endswith(_MARK)


def _has_long(lines: bytes) -> bool:
    """Whether some line is long: from the end of one line, the end of another has to be within reach."""
    end = 0
    while end < len(lines):
        end = lines.rfind(b"\n", end, end + KEY_BYTES_MAX + 1) + 1
        if not end:
            return True
    return False
