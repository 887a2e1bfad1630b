"""Reconcile: walk an account's remote list, move what it shows, and write down what was seen. Never spends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.core.account import credits_seen
from worker.core.observe import Seen
from worker.core.states import Lane
from worker.core.sweep import Sweep, seen_in_list
from worker.core.token import token_in
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale, StoreUnavailable, Taken, Unreadable

if TYPE_CHECKING:
    from worker.context import Connected, Context
    from worker.core.records import PartRecord
    from worker.providers.port import Observation

log = structlog.get_logger()

#: Most pages of one walk; a longer list is seen in part, and the walk says that it is incomplete.
PAGES_MAX = 2_000


def run(context: Context, account: str, epoch: int) -> None:  # noqa: ARG001 - every hint has an epoch; a walk needs none
    """Walk the account's remote list once."""
    with structlog.contextvars.bound_contextvars(lane=str(Lane.RECONCILE), item=account):
        connected = context.accounts.get(account)
        if connected is None:
            context.metrics.message_stale(Lane.RECONCILE, "unknown")
            return
        try:
            _reconcile(context, connected)
        except StoreUnavailable as error:
            log.warning("store_unavailable", error=str(error), remedy="the list is walked again in the next period")
        except Unreadable as error:
            context.leave(Lane.RECONCILE, account, error)
        except Exception as error:
            log.exception("step_crashed", error=type(error).__name__)


def _reconcile(context: Context, connected: Connected) -> None:
    name, provider = connected.account.name, connected.account.provider
    now = context.store.now()
    if kept_back(context, connected) is not None:
        return
    sweep = Sweep(began_at=now)
    began = time.monotonic()
    try:
        _walk(context, connected, sweep)
        balance = connected.provider.credits().balance
        context.apply(credits_seen(context.store.account(name, provider), balance, context.store.now()))
    except OwnRateReached as error:
        log.info("sweep_incomplete", account=name, pages=sweep.pages, reason=error.reason)
    except ProviderError as error:
        log.warning("sweep_incomplete", account=name, pages=sweep.pages, reason=error.reason, error=str(error))
        pause_account(context, name, provider, error)
    except Stale:
        context.metrics.message_stale(Lane.RECONCILE, "raced")
    context.store.write_sweep(name, sweep)
    context.metrics.stage_finished(
        "reconcile", provider=provider, account=name, kind="", seconds=time.monotonic() - began
    )
    context.wake_budgeted(name)
    log.info("swept", account=name, complete=sweep.complete, pages=sweep.pages, jobs=sweep.jobs, orphans=sweep.orphans)


def _walk(context: Context, connected: Connected, sweep: Sweep) -> None:
    """Read page after page; where the list shifts meanwhile, a job is counted once."""
    attempted = context.store.open_attempts(
        connected.account.name, lambda part_id, error: context.leave(Lane.RECONCILE, part_id, error)
    )
    open_attempts = {part.token: part for part in attempted if part.service == connected.service}
    known: set[str] = set()
    cursor: str | None = None
    while sweep.pages < PAGES_MAX:
        page = connected.provider.list_page(cursor)
        sweep.pages += 1
        for job in page.jobs:
            if job.remote_id not in known:
                known.add(job.remote_id)
                sweep.count(job.status)
                _sighted(context, connected, job, open_attempts, sweep)
        cursor = page.next_cursor
        if cursor is None:
            sweep.complete = True
            return


def _sighted(
    context: Context, connected: Connected, job: Observation, open_attempts: dict[str, PartRecord], sweep: Sweep
) -> None:
    owner = context.store.part_of_remote(connected.remote_scope, job.remote_id)
    token = token_in(job.name)
    try:
        part = context.store.part(owner) if owner is not None else open_attempts.get(token or "")
    except Unreadable as error:
        context.leave(Lane.RECONCILE, owner or "", error)
        return
    if part is None:
        if token is not None and context.store.was_purged(connected.remote_scope, job.remote_id):
            sweep.ours += 1
        else:
            sweep.orphans += token is not None
        return
    sweep.ours += 1
    seen = Seen(job.status, job.word, job.progress, job.ended_at)
    change = seen_in_list(part, job.remote_id, seen, context.store.now(), context.policy)
    if change is None:
        return
    try:
        context.apply(change)
    except Stale:
        context.metrics.message_stale(Lane.RECONCILE, "raced")
    except Taken as taken:
        log.warning("identity_collision", part=part.part_id, remote_id=taken.remote_id, other=taken.part_id)
