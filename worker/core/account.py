"""What the answers of a provider mean for the whole account: pauses, and their end.

An account has two pauses. One keeps back every call. The other keeps back only calls that spend, for what hinders no
look at a job and no download of a result: those are paid for. A pause whose time is over goes on until somebody has
found out that it may end: exactly one caller takes the `probe`, makes one call that costs nothing, and all others wait
for its outcome, or for the end of the probe's lease.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from worker.core.change import Change
from worker.core.schedule import backoff_seconds
from worker.core.values import Pause

if TYPE_CHECKING:
    from worker.core.records import AccountRecord
    from worker.core.values import Lease


class Paused(StrEnum):
    """What is kept back."""

    #: Every call.
    CALLS = "calls"
    #: Calls that spend.
    SPENDING = "spending"


#: Pause (shortest, longest), seconds, by reason: what a person must mend is tried less often than what may pass.
PAUSES_SECONDS: dict[str, tuple[float, float]] = {
    "throttled": (2.0, 300.0),
    "unavailable": (2.0, 300.0),
    "malformed": (5.0, 600.0),
    "not_sent": (2.0, 300.0),
    "quota": (60.0, 1_800.0),
    "out_of_credits": (60.0, 1_800.0),
    "credentials_rejected": (60.0, 1_800.0),
}
#: The pause for any other reason.
PAUSE_DEFAULT_SECONDS = (5.0, 600.0)
#: Reasons that keep back only what spends. A request that could not be sent is among them: lists are large, looks not.
SPENDING_REASONS = frozenset({"out_of_credits", "quota", "not_sent"})
#: Longest pause that a provider's Retry-After is granted, seconds.
RETRY_AFTER_SECONDS_MAX = 3_600.0
#: Length of a probe's lease, seconds: if whoever has it dies, or has no answer by then, the next one takes it.
PROBE_SECONDS = 120.0


class Waiting(NamedTuple):
    """Why a call is not made now."""

    reason: str
    #: When to look again, epoch seconds.
    until: float
    #: The sentence that explains it, where the reason says too little.
    message: str = ""


def pause_of(account: AccountRecord, what: Paused) -> Pause:
    """The account's pause of `what`."""
    return account.calls_pause if what is Paused.CALLS else account.spending_pause


def waiting(account: AccountRecord, now: float, *, spends: bool) -> Waiting | None:
    """What keeps a call back; `None` when it is made, or when it is to be found out whether it may be."""
    for what in Paused if spends else (Paused.CALLS,):
        pause_ = pause_of(account, what)
        until = pause_.lasts_until(now)
        if until is not None:
            return Waiting(pause_.reason, until)
    return None


def to_probe(account: AccountRecord, now: float, *, spends: bool) -> Paused | None:
    """The pause whose time is over, of which nobody is finding out yet whether it may end."""
    for what in Paused if spends else (Paused.CALLS,):
        pause_ = pause_of(account, what)
        if pause_.reason:
            return what if pause_.lasts_until(now) is None else None
    return None


def paused_by(reason: str) -> Paused:
    """What is kept back for this reason."""
    return Paused.SPENDING if reason in SPENDING_REASONS else Paused.CALLS


def pause(account: AccountRecord, now: float, reason: str, retry_after_seconds: float | None = None) -> Change:
    """Leave the account alone for a while: longer after each failure in a row, or as long as the provider asks.

    A pause of all calls also ends whatever was being found out about the other one.
    """
    what = paused_by(reason)
    failures = pause_of(account, what).failures + 1
    shortest, longest = PAUSES_SECONDS.get(reason, PAUSE_DEFAULT_SECONDS)
    wait_seconds = backoff_seconds(failures, floor_seconds=shortest, cap_seconds=longest)
    if retry_after_seconds is not None:
        wait_seconds = min(max(retry_after_seconds, shortest), RETRY_AFTER_SECONDS_MAX)
    paused = _with(account, what, Pause(reason=reason, until=now + wait_seconds, failures=failures))
    if what is Paused.CALLS:
        paused = _with(paused, Paused.SPENDING, paused.spending_pause.model_copy(update={"probe": None}))
    details = {"what": str(what), "failures": failures, "seconds": wait_seconds}
    return Change("pause_account", "", account.account, accounts=(paused,), reason=reason, details=details)


def probe(account: AccountRecord, what: Paused, lease: Lease) -> Change:
    """Take it upon oneself to find out whether a pause may end; the store lets only one caller write this."""
    pause_ = pause_of(account, what)
    probing = _with(account, what, pause_.model_copy(update={"probe": lease}))
    return Change(
        "probe_account",
        "",
        account.account,
        accounts=(probing,),
        reason=pause_.reason,
        details={"what": str(what), "until": lease.until},
    )


def begin_walk(account: AccountRecord, lease: Lease, now: float) -> Change | None:
    """Take it upon oneself to walk the list; `None` while somebody else does. The store lets only one write this."""
    if account.walk is not None and account.walk.until > now:
        return None
    walking = account.model_copy(update={"walk": lease})
    return Change("walk", "", account.account, accounts=(walking,), details=None)


def renew_walk(account: AccountRecord, lease: Lease, renewed: Lease) -> Change | None:
    """The walk of this lease goes on under a `renewed` one; `None` when it is another's turn already."""
    if account.walk != lease:
        return None
    going_on = account.model_copy(update={"walk": renewed})
    return Change("walk", "", account.account, accounts=(going_on,), details=None)


def end_walk(account: AccountRecord, lease: Lease) -> Change | None:
    """The walk of this lease is over; `None` when it is another's turn already."""
    if account.walk != lease:
        return None
    return Change("walk", "", account.account, accounts=(account.model_copy(update={"walk": None}),), details=None)


def give_up_probe(account: AccountRecord, what: Paused, lease: Lease) -> Change | None:
    """Nothing was found out: the next caller may try. `None` when the probe is not ours any more."""
    pause_ = pause_of(account, what)
    if pause_.probe != lease:
        return None
    free = _with(account, what, pause_.model_copy(update={"probe": None}))
    return Change("leave_account", "", account.account, accounts=(free,), reason=pause_.reason, details=None)


def resume(account: AccountRecord, what: Paused, lease: Lease) -> Change | None:
    """The probe of this lease went well: the pause is over. `None` when the probe is not ours any more.

    Failures stay counted until a call that was kept back goes well too: a free one proves little about it.
    """
    pause_ = pause_of(account, what)
    if pause_.probe != lease:
        return None
    return _resumed(_with(account, what, Pause(failures=pause_.failures)), pause_.reason, what)


def lift(account: AccountRecord, kept: frozenset[str]) -> Change | None:
    """A person wants calls made at once: both pauses end, but for those whose reason is `kept`; `None` without any.

    Failures stay counted, so that the next pause is no shorter.
    """
    lifted = account
    for what in Paused:
        pause_ = pause_of(account, what)
        if pause_.reason and pause_.reason not in kept:
            lifted = _with(lifted, what, Pause(failures=pause_.failures))
    return None if lifted is account else _resumed(lifted, "", None)


def _resumed(account: AccountRecord, reason: str, what: Paused | None) -> Change:
    details = {"what": str(what)} if what is not None else {}
    return Change("resume_account", "", account.account, accounts=(account,), reason=reason, details=details)


def recovered(account: AccountRecord, *, spent: bool) -> Change | None:
    """A call went well, one that spends if `spent`: failures of its like are forgotten. `None` when there are none.

    It ends no pause: a call that began before the pause proves nothing about what came after.
    """
    well = account
    for what in Paused if spent else (Paused.CALLS,):
        pause_ = pause_of(account, what)
        if pause_.failures and not pause_.reason:
            well = _with(well, what, Pause())
    return None if well is account else Change("account_well", "", account.account, accounts=(well,), details=None)


def _with(account: AccountRecord, what: Paused, pause_: Pause) -> AccountRecord:
    return account.model_copy(update={f"{what}_pause": pause_})


def echo_proven(account: AccountRecord) -> Change | None:
    """An answer has shown our token in a remote name. `None` when that was known."""
    if account.echo_proven:
        return None
    proven = account.model_copy(update={"echo_proven": True})
    return Change("echo_proven", "", account.account, accounts=(proven,))


def credits_seen(account: AccountRecord, balance: int, now: float) -> Change:
    """The provider told what the account can still spend."""
    seen = account.model_copy(update={"credits_balance": balance, "credits_at": now})
    return Change("credits_seen", "", account.account, accounts=(seen,), details=None)
