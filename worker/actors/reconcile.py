"""Reconcile: walk an account's remote list, move what it shows, and write down what was seen. Never spends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.actors.unresolved import attempts_alive, decide
from worker.actors.walk import walk
from worker.core.account import credits_seen
from worker.core.states import Lane
from worker.core.sweep import Sweep
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale, StoreUnavailable, Unreadable

if TYPE_CHECKING:
    from worker.context import Connected, Context

log = structlog.get_logger()


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
        alive = attempts_alive(context, connected)
        decide(context, connected, walk(context, connected, sweep), alive)
        with connected.gate.patient():
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
