"""Times and numbers as people read them."""

from __future__ import annotations

from datetime import datetime

#: Units of a duration, each with its seconds and the seconds from which it is used.
_UNITS = (("d", 86_400, 172_800), ("h", 3_600, 7_200), ("min", 60, 120))
#: Seconds after which something due and not done is worth a question.
OVERDUE_SECONDS = 60.0


def duration(seconds: float) -> str:
    """A length of time in one unit: `12 s`, `5 min`, `3 h`, `2 d`; rounded down, and at least 0."""
    seconds = max(seconds, 0.0)
    for unit, unit_seconds, from_seconds in _UNITS:
        if seconds >= from_seconds:
            return f"{int(seconds // unit_seconds)} {unit}"
    return f"{int(seconds)} s"


def moment(at: float) -> str:
    """Epoch seconds as date and time of this machine's zone: `2026-11-21 22:03:11`."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def when(at: float | None, now: float) -> str:
    """When something is due: `in 12 s`, `now`, `overdue by 5 min`; `-` when it never is."""
    if at is None:
        return "-"
    left_seconds = at - now
    if left_seconds >= 1.0:
        return f"in {duration(left_seconds)}"
    return "now" if left_seconds > -OVERDUE_SECONDS else f"overdue by {duration(-left_seconds)}"


def share(done: int, whole: int) -> str:
    """`done` of `whole` in percent, rounded down, so that 100 % means all of it."""
    return f"{100 * done // whole} %" if whole else "-"
