"""What the store knows of one account, as samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.account import Paused, pause_of
from worker.core.change import Entry
from worker.core.drift.classes import ACCOUNT_MISMATCH, DriftClass
from worker.core.values import Pause
from worker.exporter import families as f
from worker.providers.port import RemoteStatus
from worker.providers.registry import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.exporter.page import Page
    from worker.store.census import AccountFigures

#: Provider and account.
Names = tuple[str, str]


def add_account(page: Page, account: AccountFigures, names: Names, now: float) -> None:
    """All of one account; `now` by the store's clock."""
    for lane, items in account.overdue.items():
        page.add(f.OVERDUE, items, *names, lane)
    page.add(f.LEASES, account.leases_held, *names, "held")
    page.add(f.LEASES, account.leases_expired, *names, "expired")
    page.add(f.ACTIVE, account.active, *names)
    page.add(f.OPEN_ATTEMPTS, account.intents, *names)
    _add_uncollected(page, account.uncollected_since, names)
    _add_money(page, account, names, now)
    _add_sweep(page, account.sweep, names)
    _add_drift(page, account.drift, names)


def _add_uncollected(page: Page, since: float | None, names: Names) -> None:
    known = CAPABILITIES.get(names[0])
    retention_seconds = None if known is None else known.retention_seconds
    if retention_seconds is not None:
        page.add(f.RESULT_RETENTION, retention_seconds, *names)
    if since is not None:
        page.add(f.UNCOLLECTED_OLDEST, since, *names)
        if retention_seconds is not None:
            page.add(f.UNCOLLECTED_END, since + retention_seconds, *names)


def _add_money(page: Page, account: AccountFigures, names: Names, now: float) -> None:
    for entry in Entry:
        page.add(f.LEDGER, account.ledger.get(str(entry), 0), *names, entry)
    page.add(f.BUDGET_USED, account.budget_used_rows, *names)
    record = account.record
    for what in Paused:
        pause = Pause() if record is None else pause_of(record, what)
        paused = pause.lasts_until(now) is not None
        page.add(f.PAUSED, int(paused), *names, what, pause.reason if paused else "")
    if record is not None and record.credits_balance is not None:
        page.add(f.BALANCE, record.credits_balance, *names)
        page.add(f.BALANCE_AT, record.credits_at or 0, *names)


def _add_sweep(page: Page, sweep: Mapping[str, str], names: Names) -> None:
    """The remote list; statuses that no job has are shown as 0 once a walk was complete."""
    page.add(f.SWEEP_COMPLETE_AT, float(sweep.get("complete_at") or 0), *names)
    if not sweep:
        return
    page.add(f.SWEEP_AT, float(sweep["at"]), *names)
    page.add(f.SWEEP_PAGES, int(sweep["pages"]), *names)
    page.add(f.SWEEP_PROVEN, int(sweep.get("proven", 0)), *names)
    if "outcome" in sweep:
        page.add(f.SWEEP_SECONDS, float(sweep["seconds"]), *names)
        page.add(f.SWEEP_UNSEEN, int(sweep["unseen"]), *names)
        page.add(f.SWEEP_MISMATCH, int(sweep["outcome"] == ACCOUNT_MISMATCH), *names)
    if sweep["complete"] == "1":
        page.add(f.REMOTE_ORPHANS, int(sweep["orphans"]), *names)
        for status in RemoteStatus:
            page.add(f.REMOTE_JOBS, int(sweep.get(f"jobs:{status}", 0)), *names, status)


def _add_drift(page: Page, drift: Mapping[str, str], names: Names) -> None:
    """Open findings; every class once a sweep has compared."""
    for found in DriftClass if drift else ():
        page.add(f.DRIFT_OPEN, int(drift.get(f"open:{found}", 0)), *names, found)
