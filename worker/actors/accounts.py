"""What actors do to an account as a whole: leave it alone after a failure, and find out when that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from worker.core import account as core
from worker.core.account import Paused, Waiting
from worker.core.values import Lease
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import AccountRecord

#: Seconds to wait when other processes are just writing the same account.
RACED_SECONDS = 2.0
#: Times an account is read again that others write meanwhile.
TRIES_MAX = 10
#: Seconds that a part which is too large for the balance waits longer than others: one of them asks next.
TOO_LARGE_SECONDS = 5.0


class Probe(NamedTuple):
    """The right of one caller to find out whether a pause is over."""

    what: Paused
    #: Why calls are kept back.
    reason: str
    lease: Lease


def pause_account(context: Context, account: str, provider: str, error: ProviderError) -> float:
    """Leave the account alone because of `error`; the time until which."""
    record = context.store.account(account, provider)
    now = context.store.now()
    present = core.pause_of(record, core.paused_by(error.reason))
    if present.until > now:
        return present.until
    change = core.pause(record, now, error.reason, error.retry_after_seconds)
    try:
        context.apply(change)
    except Stale:
        return now + RACED_SECONDS
    return core.pause_of(change.accounts[0], core.paused_by(error.reason)).until


def provider_well(context: Context, account: str, provider: str, *, spent: bool = False, echoed: bool = False) -> None:
    """A call went well: forget failures, and remember when the provider has shown one of our tokens."""
    record = context.store.account(account, provider)
    for change in (core.recovered(record, spent=spent), core.echo_proven(record) if echoed else None):
        if change is not None:
            try:
                written = context.apply(change)
            except Stale:
                return
            record = change.accounts[0].written(written.txn)


def kept_back(context: Context, connected: Connected, *, spends_rows: int | None = None) -> Waiting | None:
    """What keeps the account from being called now, with a spend of `spends_rows` or without; `None` when nothing does.

    A pause whose time is over ends here: one caller of all asks the provider something that costs nothing, and what
    has waited is woken when the answer is good. To be called before every step that calls the provider.
    """
    name, provider = connected.account.name, connected.account.provider
    for _ in range(TRIES_MAX):
        record, now = context.store.account(name, provider), context.store.now()
        found = core.waiting(record, now, spends=spends_rows is not None)
        if found is not None:
            return found
        what = core.to_probe(record, now, spends=spends_rows is not None)
        if what is None:
            return None
        lease = Lease(owner=context.process, until=now + core.PROBE_SECONDS)
        try:
            context.apply(core.probe(record, what, lease))
        except Stale:
            continue
        reason = core.pause_of(record, what).reason
        found = _find_out(context, connected, Probe(what, reason, lease), spends_rows or 0)
        if found is not None:
            return found
    return Waiting("raced", context.store.now() + RACED_SECONDS)


def _find_out(context: Context, connected: Connected, probe: Probe, rows: int) -> Waiting | None:
    """Whether the pause whose probe is ours is over; if it is not, why and until when."""
    try:
        balance = _ask(connected, probe.reason)
    except OwnRateReached as error:
        write_account(context, connected, lambda record: core.give_up_probe(record, probe.what, probe.lease))
        return Waiting(error.reason, context.store.now() + (error.retry_after_seconds or RACED_SECONDS))
    except ProviderError as error:
        until = pause_account(context, connected.account.name, connected.account.provider, error)
        write_account(context, connected, lambda record: core.give_up_probe(record, probe.what, probe.lease))
        return Waiting(error.reason, until)
    if balance is not None and balance < rows:
        return _too_large(
            context, connected, probe, f"The account has {balance:,} credits and the part needs {rows:,}."
        )
    if write_account(context, connected, lambda record: core.resume(record, probe.what, probe.lease)):
        context.wake_paused(connected.account.name, spending_only=probe.what is Paused.SPENDING)
    return None


def _too_large(context: Context, connected: Connected, probe: Probe, message: str) -> Waiting:
    """The balance does not cover the part: a longer pause, after which another part comes first."""

    def pause_again(record: AccountRecord) -> Change | None:
        ours = core.pause_of(record, probe.what).probe == probe.lease
        return core.pause(record, context.store.now(), probe.reason) if ours else None

    write_account(context, connected, pause_again)
    record = context.store.account(connected.account.name, connected.account.provider)
    return Waiting(probe.reason, core.pause_of(record, probe.what).until + TOO_LARGE_SECONDS, message)


def _ask(connected: Connected, reason: str) -> int | None:
    """One call that costs nothing and would fail for the same reason; the balance if that is what is in question."""
    if reason == "out_of_credits":
        return connected.provider.credits().balance
    connected.provider.list_page()
    return None


def write_account(context: Context, connected: Connected, decide: Callable[[AccountRecord], Change | None]) -> bool:
    """Write what is decided on the account as it is, once more when others were quicker; whether it was written."""
    for _ in range(TRIES_MAX):
        change = decide(context.store.account(connected.account.name, connected.account.provider))
        if change is None:
            return False
        try:
            context.apply(change)
        except Stale:
            continue
        return True
    return False
