"""Attempts of unknown outcome: the remote list is searched for their jobs before anything is spent again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.actors.attempts import close_followed
from worker.actors.walk import walk
from worker.core.search import Grounds, SearchRules, judge, look_again
from worker.core.states import Lane, PartState
from worker.core.sweep import Sweep
from worker.providers.errors import OwnRateReached, ProviderError
from worker.storage import StorageError
from worker.store.errors import Stale, Taken, Unreadable

if TYPE_CHECKING:
    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import AccountRecord, PartRecord
    from worker.core.search import Walked

log = structlog.get_logger()

#: Seconds before a part's look that it may be taken early, when a walk for it is made anyway.
EARLY_SECONDS = 0.5


def search(context: Context, connected: Connected, part: PartRecord) -> None:
    """Walk the account's list for the job of `part`, and decide about every attempt of the account that is open.

    One walk serves them all: a part that was looked at meanwhile is due later, and its own message changes nothing.
    """
    now = context.store.now()
    if part.due_at is not None and part.due_at > now + EARLY_SECONDS:
        context.metrics.message_stale(Lane.SUBMIT, "early")
        return
    account = context.store.account(part.account, part.provider)
    rules = search_rules(context)
    named = is_named(connected, account)
    waiting = kept_back(context, connected)
    if waiting is not None:
        _apply(context, look_again(part, now, rules, named=named, not_before=waiting.until))
        return
    sweep = Sweep(began_at=now)
    began = time.monotonic()
    try:
        walked = walk(context, connected, sweep, until=_until(part, connected, now, rules, named=named))
    except ProviderError as error:
        until = context.store.now() + (error.retry_after_seconds or 0.0)
        if not isinstance(error, OwnRateReached):
            log.warning("search_incomplete", account=part.account, pages=sweep.pages, error=str(error))
            until = pause_account(context, part.account, part.provider, error)
        _look_again(context, part.part_id, rules, named=named, not_before=until)
        return
    if sweep.complete:
        context.store.write_sweep(part.account, sweep)
    decide(context, connected, walked)
    seconds = time.monotonic() - began
    context.metrics.stage_finished("search", provider=part.provider, account=part.account, kind="", seconds=seconds)


def search_rules(context: Context) -> SearchRules:
    """How long to search, by the settings."""
    settings = context.settings
    return SearchRules(
        settle_seconds=settings.settle_seconds,
        settle_unnamed_seconds=settings.settle_unnamed_seconds,
        clock_skew_seconds=settings.clock_skew_seconds,
        search_seconds_max=settings.search_seconds_max,
        floor_seconds=settings.poll_floor_seconds,
    )


def is_named(connected: Connected, account: AccountRecord) -> bool:
    """Whether the account's list is known to show the names that were given."""
    return connected.provider.capabilities.name_echo and account.echo_proven


def _until(part: PartRecord, connected: Connected, now: float, rules: SearchRules, *, named: bool) -> int | None:
    """The id at which a walk may end that is too early to prove an absence, `None` for a walk over everything."""
    if not named or not connected.provider.capabilities.list_newest_first or part.attempt is None:
        return None
    return part.watermark if now < part.attempt.over_at + rules.settle_seconds else None


def decide(context: Context, connected: Connected, walked: Walked) -> None:
    """What a walk means for each attempt of the account that is open still."""
    account = context.store.account(connected.account.name, connected.account.provider)
    rules, named = search_rules(context), is_named(connected, account)

    def leave(part_id: str, error: Unreadable) -> None:
        context.leave(Lane.SUBMIT, part_id, error)

    for part in context.store.open_attempts(connected.account.name, leave):
        now = context.store.now()
        if part.state is not PartState.INTENT or part.leased_now(now) or part.service != connected.service:
            continue
        grounds = Grounds(
            named=named,
            ask=connected.account.when_absent == "ask",
            alive=part.attempt is not None and context.spending.is_held(part.attempt.object),
        )
        _apply(context, judge(part, walked, rules, grounds, now))


def _look_again(context: Context, part_id: str, rules: SearchRules, *, named: bool, not_before: float) -> None:
    part = context.store.part(part_id)
    if part is not None and part.state is PartState.INTENT and part.attempt is not None:
        now = context.store.now()
        _apply(context, look_again(part, now, rules, named=named, not_before=not_before))


def _apply(context: Context, change: Change) -> None:
    """Write a decision about one attempt. Where it is closed, storage is told after the store: its word stands."""
    part = change.parts[0]
    try:
        context.apply(change)
    except Stale:
        context.metrics.message_stale(Lane.SUBMIT, "raced")
        return
    except Taken as taken:
        log.info("job_taken_meanwhile", part=part.part_id, remote_id=taken.remote_id, by=taken.part_id)
        return
    if part.state is PartState.PENDING:
        try:
            close_followed(context.storage, part)
        except StorageError as error:
            log.warning("outcome_not_recorded", part=part.part_id, error=str(error))
    if part.lane is None:
        context.nudge(part.upload_id)
