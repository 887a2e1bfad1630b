"""Reads Redis when asked and turns what is there into metrics: always true, and gone when their object is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from worker.core.account import Paused, pause_of
from worker.core.change import Entry
from worker.core.drift.classes import ACCOUNT_MISMATCH, DriftClass
from worker.core.records import Pause
from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, PartState, UploadState
from worker.exporter import families as f
from worker.exporter.page import Page
from worker.providers.port import RemoteStatus
from worker.store.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prometheus_client import Metric

    from worker.exporter.failures import Failures
    from worker.exporter.queues import Queues
    from worker.store.census import AccountFigures, Census, Figures, Members

#: Stands for the provider of an account that is neither configured nor on record.
UNKNOWN_PROVIDER = "unknown"

#: By kind of record: its metric, its states, and those of them that are an end.
_SHAPES = {"upload": (f.UPLOADS, UploadState, UPLOAD_TERMINAL), "part": (f.PARTS, PartState, PART_TERMINAL)}


class StateCollector(Collector):
    """The state of the installation. With Redis away it still answers, within a few timeouts, and says so."""

    def __init__(
        self,
        census: Census,
        queues: Queues,
        failures: Failures,
        *,
        providers: Mapping[str, str],
        budgets_rows: Mapping[str, int],
        grace_seconds: float,
        version: str,
    ) -> None:
        """`providers`: of each configured account; `budgets_rows`: a day's, of those that have one.

        `grace_seconds`: see `Census.take`.
        """
        self._census = census
        self._queues = queues
        self._failures = failures
        self._providers = providers
        self._budgets_rows = budgets_rows
        self._grace_seconds = grace_seconds
        self._version = version

    def describe(self) -> Iterable[Metric]:
        """Nothing: being registered must not read Redis."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment. Never raises because of Redis."""
        began = time.monotonic()
        page = Page()
        page.add(f.BUILD_INFO, 1, self._version)
        self._add_state(page)
        self._add_queues(page)
        page.add(f.SCRAPE_DURATION, time.monotonic() - began)
        for source, total in self._failures.totals().items():
            page.add(f.ERRORS, total, source)
        yield from page.metrics()

    def _add_state(self, page: Page) -> None:
        try:
            figures = self._census.take(self._providers, self._grace_seconds)
        except StoreError as error:
            self._failures.failed("state", str(error))
            page.add(f.REDIS_UP, 0 if isinstance(error, StoreUnavailable) else 1, "state")
            return
        unread = [f"{account.name}: {account.unread}" for account in figures.accounts if account.unread]
        if unread:
            self._failures.failed("state", " ".join(unread))
        else:
            self._failures.worked("state")
        page.add(f.REDIS_UP, 1, "state")
        providers = _providers_of(figures.accounts) | dict(self._providers)
        known = [group for group in figures.members if group.record in _SHAPES]
        _add_members(page, known, providers)
        _add_oldest(page, known, providers)
        for account in figures.accounts:
            provider = providers.get(account.name, UNKNOWN_PROVIDER)
            _add_account(page, account, provider, figures.at)
            if account.name in self._budgets_rows:
                page.add(f.BUDGET, self._budgets_rows[account.name], provider, account.name)
        _add_server(page, figures)
        self._add_outcomes(page, figures.counters)

    def _add_outcomes(self, page: Page, counters: Mapping[str, int]) -> None:
        strange = []
        counted = dict.fromkeys(("|".join(words) for words in f.OUTCOMES_FROM_ZERO), 0) | dict(counters)
        for field, total in counted.items():
            name, *labels = field.split("|")
            family = f.OUTCOMES.get(name)
            if family is None or len(labels) != len(family.labels):
                strange.append(name)
            else:
                page.add(family, total, *labels)
                if family is f.ROWS and labels[-1] in f.SAVINGS:
                    page.add(f.CREDITS_SAVED, total, *labels)
        if strange:
            self._failures.failed("counters", f"written by another version: {', '.join(sorted(set(strange)))}")
        else:
            self._failures.worked("counters")

    def _add_queues(self, page: Page) -> None:
        try:
            boxes_of, delayed = self._queues.count()
        except StoreUnavailable as error:
            self._failures.failed("broker", str(error))
            page.add(f.REDIS_UP, 0, "broker")
            return
        self._failures.worked("broker")
        page.add(f.REDIS_UP, 1, "broker")
        page.add(f.DELAYED, delayed)
        for queue, boxes in boxes_of.items():
            for box, messages in boxes._asdict().items():
                page.add(f.QUEUE_MESSAGES, messages, queue, box)


def _providers_of(accounts: Iterable[AccountFigures]) -> dict[str, str]:
    return {account.name: account.record.provider for account in accounts if account.record is not None}


def _add_members(page: Page, members: Sequence[Members], providers: Mapping[str, str]) -> None:
    """Every state of every account and kind that ever had a record, also the empty ones and those of later versions."""
    sizes = {(m.record, m.account, m.kind, m.state): m.size for m in members}
    for record, account, kind in sorted({(m.record, m.account, m.kind) for m in members}):
        family, states, _ = _SHAPES[record]
        known = list(map(str, states))
        later = {m.state for m in members if m[:3] == (record, account, kind)}.difference(known)
        for state in (*known, *sorted(later)):
            size = sizes.get((record, account, kind, state), 0)
            page.add(family, size, providers.get(account, UNKNOWN_PROVIDER), account, kind, state)


def _add_oldest(page: Page, members: Sequence[Members], providers: Mapping[str, str]) -> None:
    """When the oldest of each state that is not an end entered it, over all kinds."""
    oldest: dict[tuple[str, str, str], float] = {}
    for member in members:
        place = (member.record, member.account, member.state)
        if member.oldest_at is not None and member.state not in _SHAPES[member.record][2]:
            oldest[place] = min(member.oldest_at, oldest.get(place, member.oldest_at))
    for (record, account, state), oldest_at in sorted(oldest.items()):
        page.add(f.OLDEST, oldest_at, record, providers.get(account, UNKNOWN_PROVIDER), account, state)


def _add_account(page: Page, account: AccountFigures, provider: str, now: float) -> None:
    names = provider, account.name
    for lane, items in account.overdue.items():
        page.add(f.OVERDUE, items, *names, lane)
    for entry in Entry:
        page.add(f.LEDGER, account.ledger.get(str(entry), 0), *names, entry)
    page.add(f.ACTIVE, account.active, *names)
    page.add(f.OPEN_ATTEMPTS, account.intents, *names)
    _add_sweep(page, account.sweep, names)
    _add_drift(page, account.drift, names)
    page.add(f.BUDGET_USED, account.budget_used_rows, *names)
    record = account.record
    for what in Paused:
        pause = Pause() if record is None else pause_of(record, what)
        paused = pause.lasts_until(now) is not None
        page.add(f.PAUSED, int(paused), *names, what, pause.reason if paused else "")
    if record is not None and record.credits_balance is not None:
        page.add(f.BALANCE, record.credits_balance, *names)
        page.add(f.BALANCE_AT, record.credits_at or 0, *names)


def _add_sweep(page: Page, sweep: Mapping[str, str], names: tuple[str, str]) -> None:
    """The remote list; statuses that no job has are shown as 0 once a walk was complete."""
    if not sweep:
        return
    page.add(f.SWEEP_AT, float(sweep["at"]), *names)
    page.add(f.SWEEP_COMPLETE_AT, float(sweep.get("complete_at") or 0), *names)
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


def _add_drift(page: Page, drift: Mapping[str, str], names: tuple[str, str]) -> None:
    """Open findings; every class once a sweep has compared."""
    for found in DriftClass if drift else ():
        page.add(f.DRIFT_OPEN, int(drift.get(f"open:{found}", 0)), *names, found)


def _add_server(page: Page, figures: Figures) -> None:
    page.add(f.BACKLOG, figures.backlog_entries)
    if figures.backlog_oldest_at is not None:
        page.add(f.BACKLOG_OLDEST, figures.backlog_oldest_at)
    page.add(f.INTAKE_PAUSED, int(figures.intake_paused))
    page.add(f.MEMORY, figures.memory_bytes)
    page.add(f.MEMORY_LIMIT, figures.memory_limit_bytes)
