"""What actors do to an account as a whole: leave it alone after a failure, and note that it is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.account import echo_proven, pause, recovered
from worker.store.errors import Stale

if TYPE_CHECKING:
    from worker.context import Context
    from worker.providers.errors import ProviderError

#: Seconds to wait when another process is just writing the same account.
RACED_SECONDS = 2.0


def pause_account(context: Context, account: str, provider: str, error: ProviderError) -> float:
    """Leave the account alone because of `error`; the time until which."""
    record = context.store.account(account, provider)
    now = context.store.now()
    if record.paused(now):
        return record.paused_until
    change = pause(record, now, error.reason, error.retry_after_seconds)
    try:
        context.apply(change)
    except Stale:
        return now + RACED_SECONDS
    return change.accounts[0].paused_until


def provider_well(context: Context, account: str, provider: str, *, echoed: bool = False) -> None:
    """A call went well: forget failures, and remember when the provider has shown one of our tokens."""
    record = context.store.account(account, provider)
    for change in (recovered(record), echo_proven(record) if echoed else None):
        if change is not None:
            try:
                context.apply(change)
            except Stale:
                return
            record = change.accounts[0].written()
