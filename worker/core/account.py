"""What the answers of a provider mean for the whole account: pauses, and their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.change import Change
from worker.core.schedule import backoff_seconds

if TYPE_CHECKING:
    from worker.core.records import AccountRecord

#: Pause (shortest, longest), seconds, by reason: what a person must mend is tried less often than what may pass.
PAUSES_SECONDS: dict[str, tuple[float, float]] = {
    "throttled": (2.0, 300.0),
    "unavailable": (2.0, 300.0),
    "malformed": (5.0, 600.0),
    "not_sent": (2.0, 300.0),
    "out_of_credits": (60.0, 1_800.0),
    "credentials_rejected": (60.0, 1_800.0),
}
#: The pause for any other reason.
PAUSE_DEFAULT_SECONDS = (5.0, 600.0)
#: Longest pause that a provider's Retry-After is granted, seconds.
RETRY_AFTER_SECONDS_MAX = 3_600.0


def pause(account: AccountRecord, now: float, reason: str, retry_after_seconds: float | None) -> Change:
    """Leave the account alone for a while: longer after each failure in a row, or as long as the provider asks."""
    failures = account.failures + 1
    shortest, longest = PAUSES_SECONDS.get(reason, PAUSE_DEFAULT_SECONDS)
    wait_seconds = backoff_seconds(failures, floor_seconds=shortest, cap_seconds=longest)
    if retry_after_seconds is not None:
        wait_seconds = min(max(retry_after_seconds, shortest), RETRY_AFTER_SECONDS_MAX)
    paused = account.model_copy(
        update={"failures": failures, "paused_until": now + wait_seconds, "pause_reason": reason}
    )
    return Change(
        "pause_account",
        "",
        account.account,
        accounts=(paused,),
        reason=reason,
        details={"failures": failures, "seconds": wait_seconds},
    )


def recovered(account: AccountRecord) -> Change | None:
    """A call went well: the account's failures are forgotten. `None` when there were none."""
    if not account.failures and not account.paused_until:
        return None
    well = account.model_copy(update={"failures": 0, "paused_until": 0.0, "pause_reason": ""})
    return Change("resume_account", "", account.account, accounts=(well,))


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
