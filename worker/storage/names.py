"""Which names objects may have."""

from __future__ import annotations

import re

from worker.storage.errors import InvalidName

#: Most characters (and bytes: names are ASCII) in a whole name.
NAME_CHARACTERS_MAX = 512
#: Most characters in one segment; file systems stop at 255.
SEGMENT_CHARACTERS_MAX = 200

#: A segment never starts with a dot, so that no name is hidden, `.` or `..`.
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def check_name(name: str) -> str:
    """Return `name` when it is a relative POSIX path of safe segments; raises `InvalidName`."""
    if len(name) > NAME_CHARACTERS_MAX:
        raise InvalidName(
            f"object name {name[:40]!r}… has {len(name)} characters; the most is {NAME_CHARACTERS_MAX}, shorten it",
        )
    for segment in name.split("/"):
        if len(segment) > SEGMENT_CHARACTERS_MAX or not _SEGMENT.fullmatch(segment):
            raise InvalidName(
                f"object name {name!r} has the unsafe segment {segment[:40]!r}; use letters, digits, '.', '_' and '-', "
                f"not starting with '.' or '-', at most {SEGMENT_CHARACTERS_MAX} characters",
            )
    return name


def is_name(name: str) -> bool:
    """Whether an object may have that name."""
    try:
        check_name(name)
    except InvalidName:
        return False
    return True


def name_below(url: str, beginning: str) -> str | None:
    """The name that an address has in a storage whose addresses have that `beginning`; None for any other address."""
    name = url.removeprefix(beginning)
    return name if url.startswith(beginning) and is_name(name) else None
