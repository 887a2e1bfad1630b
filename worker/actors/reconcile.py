"""Reconcile: walk an account's remote list, move what it shows, tell what differs and repair that. Never spends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.actors.drift import is_thorough, judge_sweep, keep, repair_all
from worker.actors.shown import Shown
from worker.actors.snapshot import Seen
from worker.actors.unresolved import attempts_alive, decide
from worker.actors.walk import walk
from worker.actors.walk_pages import Pages
from worker.actors.walk_turn import WalkTurn
from worker.core.account import credits_seen
from worker.core.states import Lane
from worker.core.sweep import Sweep, SweepOutcome
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale, StoreUnavailable, Unreadable
from worker.store.findings import read_findings
from worker.store.sweeps import write_sweep
from worker.tracing.spans import Step

if TYPE_CHECKING:
    from worker.actors.drift import Judged
    from worker.context import Connected, Context
    from worker.providers.port import Credits
    from worker.store.findings import Kept

log = structlog.get_logger()

#: Seconds after which a sweep is tried again that another walk, or the want of a call, has kept back.
AGAIN_SECONDS = 30.0


class Swept(NamedTuple):
    """What one sweep came to."""

    sweep: Sweep
    #: What was found and planned; `None` where that was another's to tell.
    judged: Judged | None
    #: Why the list was not read to its end, or the credits were not told, as a sentence; empty where all was read.
    failure: str


class Looked(NamedTuple):
    """What the provider has told in one sweep."""

    seen: Seen
    credits: Credits | None
    failure: str


def run(context: Context, account: str, epoch: int) -> None:  # noqa: ARG001 - every hint has an epoch; a walk needs none
    """Sweep the account's remote list once."""
    with structlog.contextvars.bound_contextvars(lane=str(Lane.RECONCILE), item=account, account=account):
        connected = context.accounts.get(account)
        if connected is None:
            context.metrics.message_stale(Lane.RECONCILE, "unknown")
            return
        try:
            with context.spans.step(Step(str(Lane.RECONCILE), account, connected.account.provider)):
                _in_turn(context, connected)
        except StoreUnavailable as error:
            log.warning("store_unavailable", error=str(error), remedy="the list is walked again in the next period")
        except Unreadable as error:
            context.leave(Lane.RECONCILE, account, error)
        except Exception as error:
            log.exception("step_crashed", error=type(error).__name__)


def _in_turn(context: Context, connected: Connected) -> None:
    if kept_back(context, connected) is not None:
        return
    turn = WalkTurn(context, connected, context.store.now())
    if not turn.begin():
        # A walk that searches may end early; what it shows is known then, and fewer calls are left to be made.
        context.hints.send(Lane.RECONCILE, connected.account.name, 0, AGAIN_SECONDS)
        return
    try:
        sweep_now(context, connected, turn)
    finally:
        turn.end()


def sweep_now(context: Context, connected: Connected, turn: WalkTurn, *, deciding: bool = True) -> Swept:
    """One sweep under the turn to walk: move, tell, keep, repair.

    `deciding`: also about attempts whose jobs the list does not show. That is only for a process with the home of those
    that submit here, since nobody else sees which of them may still be sending.

    What it calls may fail: then it tells of what was shown before. Raises `StoreUnavailable`.
    """
    began = time.monotonic()
    before = _findings(context, connected)
    looked = _look(context, connected, turn, before, deciding=deciding)
    judged = _judge(context, connected, looked, before)
    sweep = looked.seen.sweep
    sweep.outcome = str(SweepOutcome.COMPLETE if sweep.complete else SweepOutcome.INCOMPLETE)
    if judged is not None:
        sweep.outcome = judged.plan.outcome or sweep.outcome
        sweep.unseen = judged.evaluation.breaker.missing
    sweep.seconds = time.monotonic() - began
    name, provider = connected.account.name, connected.account.provider
    write_sweep(context.store, name, sweep, provider)
    context.metrics.stage_finished("reconcile", provider=provider, account=name, kind="", seconds=sweep.seconds)
    context.wake_budgeted(name)
    _tell(connected, sweep, judged)
    return Swept(sweep, judged, looked.failure)


def _findings(context: Context, connected: Connected) -> Kept | None:
    """The account's findings; `None` where only a newer process can go on with them."""
    try:
        return read_findings(context.store, connected.account.name)
    except Unreadable as error:
        context.leave(Lane.RECONCILE, connected.account.name, error)
        return None


def _look(context: Context, connected: Connected, turn: WalkTurn, before: Kept | None, *, deciding: bool) -> Looked:
    """Walk the list and ask for the balance, as far as the provider answers and the account's rate allows."""
    name, provider = connected.account.name, connected.account.provider
    sweep, shown = Sweep(began_at=context.store.now()), Shown()
    thorough = before is None or is_thorough(context, connected, before)
    pages = _pages(context, connected, thorough=thorough)
    if pages is not None:
        sweep.began_at = pages.began_at
    credits_, controls, failure = None, {}, ""
    try:
        alive = attempts_alive(context, connected) if deciding else frozenset[str]()
        walked = walk(context, connected, sweep, thorough=thorough, going_on=turn.go_on, shown=shown, pages=pages)
        controls = dict(walked.controls)
        if pages is not None:
            pages.drop()
        if deciding:
            decide(context, connected, walked, alive)
        with connected.gate.patient():
            credits_ = connected.provider.credits()
        context.apply(credits_seen(context.store.account(name, provider), credits_.balance, context.store.now()))
    except OwnRateReached as error:
        failure = str(error)
        log.info("sweep_incomplete", account=name, pages=sweep.pages, reason=error.reason)
        if pages is not None and sweep.pages:
            context.hints.send(Lane.RECONCILE, name, 0, AGAIN_SECONDS)
    except ProviderError as error:
        failure = str(error)
        log.warning("sweep_incomplete", account=name, pages=sweep.pages, reason=error.reason, error=str(error))
        pause_account(context, name, provider, error)
    except Stale:
        context.metrics.message_stale(Lane.RECONCILE, "raced")
    return Looked(Seen(sweep, shown, controls), credits_, failure)


def _pages(context: Context, connected: Connected, *, thorough: bool) -> Pages | None:
    """The pages of the last walk if it was interrupted in this period; `None` where a walk always begins anew."""
    if connected.provider.capabilities.list_newest_first:
        return None
    return Pages(
        context.store,
        connected.account.name,
        service=connected.service,
        thorough=thorough,
        age_seconds_max=context.settings.reconcile_period_seconds,
    )


def _judge(context: Context, connected: Connected, looked: Looked, before: Kept | None) -> Judged | None:
    if before is None:
        return None
    judged = judge_sweep(context, connected, looked.seen, before, looked.credits)
    try:
        keep(context, connected, judged)
    except Stale:
        # Another sweep was quicker, and does what there is to do.
        context.metrics.message_stale(Lane.RECONCILE, "raced")
        return None
    repair_all(context, connected, judged)
    return judged


def _tell(connected: Connected, sweep: Sweep, judged: Judged | None) -> None:
    name = connected.account.name
    if sweep.outcome == SweepOutcome.ACCOUNT_MISMATCH and judged is not None:
        breaker = judged.evaluation.breaker
        remedy = "check the account's key and base URL, and ask the provider; nothing of the account is repaired now"
        log.error("account_mismatch", account=name, live=breaker.live, missing=breaker.missing, remedy=remedy)
    drift = {} if judged is None else {"drift": len(judged.merged.open), "repairs": len(judged.plan.repairs)}
    told = {"outcome": sweep.outcome, "proven": sweep.proven, "pages": sweep.pages, "jobs": sweep.jobs}
    log.info("swept", account=name, orphans=sweep.orphans, **told, **drift)
