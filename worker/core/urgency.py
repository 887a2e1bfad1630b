"""Which call goes first where an account's rate does not do for all of them."""

from __future__ import annotations

from enum import IntEnum

#: Calls of more urgent callers after which one that waits goes first: each urgency that asks has a twelfth of the rate.
SHARE_CALLS = 9


class Urgency(IntEnum):
    """How urgent a call is; the lowest number goes first."""

    #: What is there for a short time only: links that were given out, results near the end of their retention.
    ENDING = 0
    #: Submits and all other downloads.
    WORK = 1
    #: Looks at jobs.
    LOOK = 2
    #: Walks over the list, balances, probes.
    WALK = 3


#: The urgency of an operation by itself; what it is for may be more urgent. One that is not here is work.
URGENCIES = {
    "download": Urgency.ENDING,
    "status": Urgency.LOOK,
    "list": Urgency.WALK,
    "credits": Urgency.WALK,
}
