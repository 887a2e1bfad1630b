"""Checks of the accounts: what is kept back, and whether there is money for what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cli.health.check import ok, problem, unknown, warning
from worker.cli.wording import duration, when
from worker.core.account import Paused, pause_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading
    from worker.core.records import AccountRecord
    from worker.store.census import AccountFigures

AREA = "accounts"
#: Fraction of a day's budget from which on it counts as nearly spent.
BUDGET_SHARE_MAX = 0.9
#: Sweeps that may pass without the provider telling what is left.
BALANCE_PERIODS_MAX = 4
#: Reasons of pauses that do not pass before somebody does something, and what.
MEND = {
    "credentials_rejected": "Mend the key and restart the processes; `bulkverify config check --live` tries it.",
    "out_of_credits": "Buy credits; the parts go on by themselves.",
    "quota": "Wait for the provider's next period, or raise what it allows; the parts go on by themselves.",
}


def account_checks(reading: Reading) -> Iterator[Check]:
    """Pauses, budget and credits of every account that is configured or has work."""
    if not reading.accounts:
        text = "no account is configured on this machine, or none can be used"
        yield unknown(AREA, "configured", text, "`bulkverify config check` tells why.")
    for account in reading.figures.accounts:
        if account.unread:
            remedy = "Finish the upgrade, or restore the record from a backup."
            yield unknown(AREA, "record", f"{account.name}: its record cannot be read: {account.unread}", remedy)
            continue
        if account.name not in reading.accounts and reading.accounts and account.active:
            remedy = "Put it back into the accounts file; nobody looks at its jobs meanwhile."
            text = f"{account.name}: {account.active:,} jobs of it are under way, and it is not configured here"
            yield problem(AREA, "configured", text, remedy)
        found = [*_pauses(account, reading.now), *_budget(reading, account), *_credits(reading, account)]
        yield from found or [ok(AREA, "account", _well(account, reading.now))]


def _well(account: AccountFigures, now: float) -> str:
    record = account.record
    if record is None or record.credits_balance is None:
        return f"{account.name}: calls are made; the provider has told no credits yet"
    told = f", told {duration(now - record.credits_at)} ago" if record.credits_at is not None else ""
    return f"{account.name}: calls are made; {record.credits_balance:,} credits{told}"


def _pauses(account: AccountFigures, now: float) -> Iterator[Check]:
    for what, reason, until in pauses(account.record, now):
        kept = "calls are" if what is Paused.CALLS else "submits are"
        why = reason.replace("_", " ")
        text = f"{account.name}: {kept} kept back ({why}), tried again {when(until, now)}"
        if reason in MEND:
            yield problem(AREA, f"paused_{what}", text, MEND[reason])
        else:
            remedy = "It ends by itself; `bulkverify accounts` tells when, and `bulkverify why UPLOAD` what waits."
            yield warning(AREA, f"paused_{what}", text, remedy)


def pauses(record: AccountRecord | None, now: float) -> Iterator[tuple[Paused, str, float]]:
    """What is kept back now, the reason, and until when nobody tries."""
    if record is None:
        return
    for what in Paused:
        pause = pause_of(record, what)
        until = pause.lasts_until(now)
        if until is not None:
            yield what, pause.reason, until


def _budget(reading: Reading, account: AccountFigures) -> Iterator[Check]:
    configured = reading.accounts.get(account.name)
    most = None if configured is None else configured.rows_per_day_max
    if most is None or account.budget_used_rows < most * BUDGET_SHARE_MAX:
        return
    text = f"{account.name}: {account.budget_used_rows:,} of the day's {most:,} rows are used"
    remedy = "What does not fit waits for the next day (UTC); rows_per_day_max in the accounts file is the limit."
    yield warning(AREA, "budget", text, remedy)


def _credits(reading: Reading, account: AccountFigures) -> Iterator[Check]:
    record = account.record
    if record is None or record.credits_balance is None:
        return
    balance = record.credits_balance
    if balance <= 0:
        yield problem(AREA, "credits", f"{account.name}: no credits are left", MEND["out_of_credits"])
    elif balance < account.budget_used_rows:
        text = f"{account.name}: {balance:,} credits are left, less than the {account.budget_used_rows:,} used today"
        yield warning(AREA, "credits", text, "Buy credits before lists have to wait.")
    most_seconds = BALANCE_PERIODS_MAX * reading.settings.reconcile_period_seconds
    age_seconds = reading.now - (record.credits_at or 0.0)
    if account.name in reading.accounts and age_seconds > most_seconds:
        text = f"{account.name}: the provider told its credits last {duration(age_seconds)} ago"
        remedy = f"`bulkverify reconcile {account.name}` asks now, and tells what hinders it."
        yield warning(AREA, "credits_old", text, remedy)
