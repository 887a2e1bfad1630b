"""The line of an account: parts that wait for its rate, for a place on it or for the end of a pause stand in it.

Who stands there is called up when there is room, in the order of start-time fair queueing: each upload's parts follow
each other one turn apart, and an upload that comes later begins at the turn that is called now. So a list of many parts
lets those of another list pass between its own. A part whose result is about to go goes before all others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from worker.core.account import to_probe, waiting
from worker.core.change import Stand

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import AccountRecord, PartRecord

#: Most parts of a lane that are called up at once.
CALLED_MAX = 200
#: Seconds until a part in the line is looked at that nobody calls: only after a line was lost.
LINE_LOOK_SECONDS = 300.0
#: Fraction of a provider's retention that is left when a result goes before all others.
URGENT_FRACTION = 0.25


class Room(NamedTuple):
    """What may be called up of an account's lines: most parts of each lane, and the limits that must hold then."""

    collect_max: int
    submit_max: int
    #: Seconds between two calls, and calls that may follow each other at once.
    interval_seconds: float
    burst_calls: int
    active_max: int
    #: `None`: any number of attempts may be open.
    intents_max: int | None


def stand(change: Change, urgent_at: float | None = None) -> Change:
    """The change, after which its part stands in its account's line; nothing else looks at it then."""
    return replace(change, stand=Stand(urgent_at))


def most_called(account: AccountRecord, now: float, *, spends: bool) -> int:
    """Most parts to call up: none during a pause, and one to find out whether it is over."""
    if waiting(account, now, spends=spends) is not None:
        return 0
    return CALLED_MAX if to_probe(account, now, spends=spends) is None else 1


def urgent_at(part: PartRecord, retention_seconds: float | None) -> float | None:
    """From when on the part's result is so near the end of its retention that it goes before others; `None`: never."""
    finished_at = part.remote_finished_at or part.finished_at
    if retention_seconds is None or finished_at is None:
        return None
    return finished_at + retention_seconds * (1.0 - URGENT_FRACTION)
