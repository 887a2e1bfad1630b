"""Reads Redis when asked and turns what is there into metrics: always true, and gone when their object is gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.registry import Collector

from config.version import revision, version
from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, PartState, UploadState
from worker.exporter import families as f
from worker.exporter import server_families as server
from worker.exporter.account_samples import add_account
from worker.exporter.outcomes import add_outcomes
from worker.exporter.page import Page
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


class Configured(NamedTuple):
    """What the settings and the accounts file say, as far as samples are measured against it."""

    #: Of each configured account.
    providers: Mapping[str, str]
    #: A day's, of each configured account that has one.
    budgets_rows: Mapping[str, int]
    #: See `Census.take`.
    grace_seconds: float
    silence_seconds: float
    reconcile_period_seconds: float


class StateCollector(Collector):
    """The state of the installation. With Redis away it still answers, within a few timeouts, and says so."""

    def __init__(self, census: Census, queues: Queues, failures: Failures, configured: Configured) -> None:
        """`configured`: what the samples are measured against."""
        self._census = census
        self._queues = queues
        self._failures = failures
        self._configured = configured

    def describe(self) -> Iterable[Metric]:
        """Nothing: being registered must not read Redis."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment. Never raises because of Redis."""
        began = time.monotonic()
        page = Page()
        page.add(f.BUILD_INFO, 1, version(), revision())
        page.add(f.SWEEP_PERIOD, self._configured.reconcile_period_seconds)
        self._add_state(page)
        self._add_queues(page)
        page.add(f.SCRAPE_DURATION, time.monotonic() - began)
        for source, total in self._failures.totals().items():
            page.add(f.ERRORS, total, source)
        yield from page.metrics()

    def _add_state(self, page: Page) -> None:
        configured = self._configured
        try:
            figures = self._census.take(configured.providers, configured.grace_seconds, configured.silence_seconds)
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
        providers = _providers_of(figures.accounts) | dict(configured.providers)
        known = [group for group in figures.members if group.record in _SHAPES]
        _add_members(page, known, providers)
        _add_oldest(page, known, providers)
        for account in figures.accounts:
            provider = providers.get(account.name, UNKNOWN_PROVIDER)
            add_account(page, account, (provider, account.name), figures.at)
            if account.name in configured.budgets_rows:
                page.add(f.BUDGET, configured.budgets_rows[account.name], provider, account.name)
        _add_server(page, figures)
        self._add_outcomes(page, figures.counters)

    def _add_outcomes(self, page: Page, counters: Mapping[str, int]) -> None:
        strange = add_outcomes(page, counters, self._configured.providers)
        if strange:
            self._failures.failed("counters", f"written by another version: {', '.join(strange)}")
        else:
            self._failures.worked("counters")

    def _add_queues(self, page: Page) -> None:
        try:
            waiting = self._queues.count()
        except StoreUnavailable as error:
            self._failures.failed("broker", str(error))
            page.add(f.REDIS_UP, 0, "broker")
            return
        self._failures.worked("broker")
        page.add(f.REDIS_UP, 1, "broker")
        page.add(server.DELAYED, waiting.delayed)
        if waiting.delayed_due_at is not None:
            page.add(server.DELAYED_DUE, waiting.delayed_due_at)
        for queue, boxes in waiting.boxes.items():
            for box, messages in boxes._asdict().items():
                page.add(server.QUEUE_MESSAGES, messages, queue, box)
        for (queue, box), since in waiting.oldest.items():
            page.add(server.QUEUE_OLDEST, since, queue, box)


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


def _add_server(page: Page, figures: Figures) -> None:
    page.add(f.BACKLOG, figures.backlog_entries)
    if figures.backlog_oldest_at is not None:
        page.add(f.BACKLOG_OLDEST, figures.backlog_oldest_at)
    page.add(f.INTAKE_PAUSED, int(figures.intake_paused))
    for role, alive in figures.alive.items():
        page.add(server.PROCESSES, alive.processes, role)
        page.add(server.PROCESS_SEEN, alive.last_at, role)
    page.add(server.MEMORY, figures.memory.used_bytes)
    page.add(server.MEMORY_LIMIT, figures.memory.limit_bytes)
    page.add(server.APPEND_ONLY, int(figures.safety.append_only))
    page.add(server.WRITES_ARRIVE, int(figures.safety.writes_arrive))
    page.add(server.KEEPS_ALL, int(figures.safety.keeps_all))
    page.add(server.EVICTED, figures.safety.evicted_keys)
