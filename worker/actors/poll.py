"""Poll: one message looks at every due part of an account, then schedules the next to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account, provider_well
from worker.core.crash import crashed
from worker.core.look_plan import plan_looks
from worker.core.observe import Seen, elsewhere, not_seen, observed
from worker.core.states import Lane, PartState
from worker.core.urgency import Urgency
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale, StoreUnavailable, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.context import Connected, Context
    from worker.core.records import PartRecord
    from worker.providers.port import Observation

log = structlog.get_logger()

#: Longest turn of one poll message, seconds: after it another message may begin.
TURN_SECONDS = 120.0
#: Most parts looked at in one turn; the next turn takes the rest at once.
TURN_PARTS_MAX = 1_000
#: Seconds until an account is looked at again whose turn ended in a way nobody foresaw.
CRASH_LOOK_SECONDS = 30.0
#: Seconds until what only a newer process can read is looked at again: short, because one may run already.
LEFT_LOOK_SECONDS = 2.0


def run(context: Context, account: str, epoch: int) -> None:
    """Look at the account's due parts and plan the next look."""
    with structlog.contextvars.bound_contextvars(lane=str(Lane.POLL), item=account):
        try:
            if context.store.begin_poll(account, epoch, TURN_SECONDS):
                _plan_next(context, account, _survived_turn(context, account))
            else:
                context.metrics.message_stale(Lane.POLL, "epoch")
        except StoreUnavailable as error:
            log.warning("store_unavailable", error=str(error), remedy="the account is polled again when Redis is back")


def _survived_turn(context: Context, account: str) -> float:
    """`_turn`, whatever happens in it: what nobody foresaw is logged, and the account is looked at again later."""
    try:
        return _turn(context, account)
    except StoreUnavailable:
        raise
    except Unreadable as error:
        context.leave(Lane.POLL, account, error)
        return context.store.now() + LEFT_LOOK_SECONDS
    except Exception as error:
        log.exception("step_crashed", error=type(error).__name__)
        return context.store.now() + CRASH_LOOK_SECONDS


def _turn(context: Context, account_name: str) -> float:
    """Look at what is due; the time before which no further look makes sense."""
    connected = context.accounts.get(account_name)
    now = context.store.now()
    if connected is None:
        log.warning("account_unknown", account=account_name, remedy="add it to the accounts file again")
        return now + CRASH_LOOK_SECONDS
    until = now + context.settings.poll_slack_seconds
    due = context.store.due(account_name, Lane.POLL, until, TURN_PARTS_MAX)
    parts = [part for part in _readable(context, account_name, due) if _is_here(context, part, connected)]
    waiting = kept_back(context, connected) if parts else None
    if waiting is not None:
        return waiting.until
    try:
        with connected.gate.urgent(Urgency.LOOK):
            for part, observation in _look(connected, parts):
                _learned(context, part, observation)
    except OwnRateReached as error:
        return context.store.now() + (error.retry_after_seconds or 0.0)
    except ProviderError as error:
        context.metrics.looks(connected.account.provider, account_name, error.reason)
        return pause_account(context, account_name, connected.account.provider, error)
    if parts:
        provider_well(context, account_name, connected.account.provider)
    return now


def _readable(context: Context, account: str, part_ids: Sequence[str]) -> list[PartRecord]:
    """The parts; those that cannot be read are put off, so that they hold up nobody's look."""
    left: list[str] = []

    def leave(part_id: str, error: Unreadable) -> None:
        context.leave(Lane.POLL, part_id, error)
        left.append(part_id)

    parts = list(context.store.parts(part_ids, leave))
    if left:
        context.store.put_off(account, Lane.POLL, left, LEFT_LOOK_SECONDS)
    return parts


def _is_here(context: Context, part: PartRecord, connected: Connected) -> bool:
    """Whether the account can be asked about the part; one that was submitted to another service is put off."""
    if part.state is not PartState.SUBMITTED:
        return False
    if part.service == connected.service:
        return True
    try:
        context.apply(elsewhere(part, context.store.now()))
    except Stale:
        context.metrics.message_stale(Lane.POLL, "raced")
    return False


def _look(connected: Connected, parts: Sequence[PartRecord]) -> Iterator[tuple[PartRecord, Observation | None]]:
    """Every part with what the provider says of its job, in as few calls as its port allows."""
    provider = connected.provider
    capabilities = provider.capabilities
    waiting = {part.remote_id: part for part in parts if part.remote_id is not None}
    plan = plan_looks(len(waiting), ids_max=capabilities.observe_ids_max, page_rows=capabilities.list_page_rows)
    cursor: str | None = None
    for _ in range(plan.pages):
        page = provider.list_page(cursor)
        for observation in page.jobs:
            part = waiting.pop(observation.remote_id, None)
            if part is not None:
                yield part, observation
        cursor = page.next_cursor
        if cursor is None or not waiting:
            break
    remaining = list(waiting)
    for start in range(0, len(remaining), plan.ids):
        ids = remaining[start : start + plan.ids]
        found = provider.observe(ids)
        for remote_id in ids:
            yield waiting[remote_id], found.get(remote_id)


def _learned(context: Context, part: PartRecord, observation: Observation | None) -> None:
    """Carry out what a look at one part means; what goes wrong with it costs the other parts nothing."""
    try:
        _decide(context, part, observation)
    except Stale:
        context.metrics.message_stale(Lane.POLL, "raced")
    except StoreUnavailable:
        raise
    except Exception as error:
        log.exception("look_crashed", part=part.part_id, error=type(error).__name__)
        settings, kind = context.settings, type(error).__name__
        now = context.store.now()
        context.apply(crashed(part, now, kind, crashes_max=settings.crashes_max, days=settings.retention_days))


def _decide(context: Context, part: PartRecord, observation: Observation | None) -> None:
    now = context.store.now()
    if observation is None:
        change = not_seen(part, now, context.policy)
        outcome = "not_seen"
    else:
        seen = Seen(observation.status, observation.word, observation.progress, observation.ended_at)
        change = observed(part, seen, now, context.policy)
        outcome = str(observation.status)
    context.metrics.looks(part.provider, part.account, outcome)
    lateness_seconds = max(now - (part.due_at or now), 0.0)
    context.metrics.poll_lateness(provider=part.provider, account=part.account, seconds=lateness_seconds)
    context.apply(change)
    if change.parts[0].state is not PartState.SUBMITTED:
        context.wake_next(part.account)
    if change.parts[0].lane is None:
        context.nudge(part.upload_id)


def _plan_next(context: Context, account: str, not_before: float) -> None:
    next_due = context.store.next_due(account, Lane.POLL)
    if next_due is None:
        context.store.end_poll(account)
        return
    epoch, delay_seconds = context.store.plan_poll(account, max(next_due, not_before))
    context.hints.send(Lane.POLL, account, epoch, delay_seconds)
