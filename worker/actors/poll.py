"""Poll: one message looks at every due part of an account, then schedules the next to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account, provider_well
from worker.actors.look import Looks
from worker.actors.poll_lease import PollLease
from worker.core.observe import elsewhere
from worker.core.states import Lane, PartState
from worker.core.urgency import Urgency
from worker.providers.errors import OwnRateReached, ProviderError
from worker.store.errors import Stale, StoreError, StoreUnavailable, Unreadable
from worker.tracing.spans import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.context import Connected, Context
    from worker.core.records import PartRecord

log = structlog.get_logger()

#: Seconds after which a turn makes no further call: what has become due meanwhile is looked at in the next one.
TURN_SECONDS = 10.0
#: Share of the account's own rate that looks may take when they are always due: the rest is for what waits for them.
RATE_SHARE = 0.5
#: Most parts looked at in one turn; the next turn takes the rest at once.
TURN_PARTS_MAX = 1_000
#: Seconds until an account is looked at again whose turn ended in a way nobody foresaw.
CRASH_LOOK_SECONDS = 30.0
#: Seconds until what only a newer process can read is looked at again: short, because one may run already.
LEFT_LOOK_SECONDS = 2.0


def run(context: Context, account: str, epoch: int) -> None:
    """Look at the account's due parts and plan the next look."""
    with structlog.contextvars.bound_contextvars(lane=str(Lane.POLL), item=account, account=account):
        try:
            turn = context.store.begin_poll(account, epoch, context.settings.rearm_period_seconds)
            if turn is None:
                context.metrics.message_stale(Lane.POLL, "epoch")
            else:
                with PollLease(context, account, turn) as lease:
                    not_before = _survived_turn(context, account, lease)
                _plan_next(context, account, turn, not_before)
        except StoreUnavailable as error:
            log.warning("store_unavailable", error=str(error), remedy="the account is polled again when Redis is back")


def _survived_turn(context: Context, account: str, lease: PollLease) -> float:
    """`_turn`, whatever happens in it: what nobody foresaw is logged, and the account is looked at again later."""
    connected = context.accounts.get(account)
    provider = "" if connected is None else connected.account.provider
    try:
        with context.spans.step(Step(str(Lane.POLL), account, provider)):
            return _turn(context, account, lease)
    except StoreUnavailable:
        raise
    except Unreadable as error:
        context.leave(Lane.POLL, account, error)
        return context.store.now() + LEFT_LOOK_SECONDS
    except Exception as error:
        log.exception("step_crashed", error=type(error).__name__)
        return context.store.now() + CRASH_LOOK_SECONDS


def _turn(context: Context, account_name: str, lease: PollLease) -> float:
    """Look at what is due; the time before which no further look makes sense."""
    connected = context.accounts.get(account_name)
    now = context.store.now()
    if connected is None:
        log.warning("account_unknown", account=account_name, remedy="add it to the accounts file again")
        return now + CRASH_LOOK_SECONDS
    until = now + context.settings.poll_slack_seconds
    due = context.store.due(account_name, Lane.POLL, until, TURN_PARTS_MAX)
    parts = _here(context, _readable(context, account_name, due), connected)
    context.spans.serves(part.trace for part in parts)
    waiting = kept_back(context, connected) if parts else None
    if waiting is not None:
        return waiting.until
    looks = Looks(context, connected, now, lambda: _goes_on(context, lease, now))
    try:
        with connected.gate.urgent(Urgency.LOOK):
            looks.look(parts)
    except OwnRateReached as error:
        return context.store.now() + (error.retry_after_seconds or 0.0)
    except ProviderError as error:
        context.metrics.looks(connected.account.provider, account_name, error.reason)
        return pause_account(context, account_name, connected.account.provider, error)
    if parts:
        provider_well(context, account_name, connected.account.provider)
    return now + looks.calls / (connected.account.requests_per_second * RATE_SHARE)


def _goes_on(context: Context, lease: PollLease, began_at: float) -> bool:
    """Whether the turn may make another call; asking renews its lease, so that no other turn begins meanwhile."""
    if not lease.renew():
        log.warning("poll_turn_lost", remedy="none is needed: another turn looks at what this one has left")
        return False
    return context.store.now() < began_at + TURN_SECONDS


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


def _here(context: Context, parts: Sequence[PartRecord], connected: Connected) -> list[PartRecord]:
    """The parts that the account can be asked about; those that were submitted to another service are put off."""
    submitted = [part for part in parts if part.state is PartState.SUBMITTED]
    now = context.store.now()
    moved = [elsewhere(part, now) for part in submitted if part.service != connected.service]
    for answer in context.apply_looks(moved):
        if isinstance(answer, Stale):
            context.metrics.message_stale(Lane.POLL, "raced")
        elif isinstance(answer, StoreError):
            raise answer
    return [part for part in submitted if part.service == connected.service]


def _plan_next(context: Context, account: str, turn: int, not_before: float) -> None:
    next_due = context.store.next_due(account, Lane.POLL)
    planned = context.store.plan_poll(account, turn, None if next_due is None else max(next_due, not_before))
    if planned is not None:
        epoch, delay_seconds = planned
        context.hints.send(Lane.POLL, account, epoch, delay_seconds)
