"""Parts that cannot go on because something of ours is missing: the account's configuration, or room on a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.part import hold
from worker.core.schedule import backoff_seconds

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord

#: Wait until the next look (shortest, longest), seconds: many parts may wait for the same person.
BLOCKED_SECONDS = (60.0, 900.0)


def blocked(part: PartRecord, now: float, reason: str, message: str = "") -> Change:
    """The part is held, unspent, each time longer; `message` explains `reason` further."""
    return hold(tried(part), now, reason, now + blocked_seconds(part), message)


def tried(part: PartRecord) -> PartRecord:
    """The part, looked at once more in vain: its next wait is longer."""
    return part.model_copy(update={"tries": part.tries + 1})


def blocked_seconds(part: PartRecord) -> float:
    """Seconds until the part is looked at again."""
    shortest, longest = BLOCKED_SECONDS
    return backoff_seconds(part.tries + 1, floor_seconds=shortest, cap_seconds=longest)
