"""Attempts of unknown outcome: the remote list is searched for their jobs before anything is spent again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account
from worker.actors.attempts import close_followed
from worker.actors.walk import walk
from worker.actors.walk_turn import WalkTurn
from worker.core.search import Grounds, SearchRules, displaced, judge, look_again, settled, wait_for_walk
from worker.core.states import Lane, PartState
from worker.core.sweep import Sweep
from worker.providers.errors import OwnRateReached, ProviderError
from worker.storage import StorageError
from worker.store.errors import Stale, Taken, Unreadable
from worker.store.sweeps import write_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.core.search import Walked

log = structlog.get_logger()

#: Seconds before a part's look that it may be taken early, when a walk for it is made anyway.
EARLY_SECONDS = 0.5
#: Times a job that was found by its time is given up again when its part is written by others meanwhile.
GIVE_WAY_TRIES = 10


def search(context: Context, connected: Connected, part: PartRecord) -> None:
    """Walk the account's list for the job of `part`, and decide about every attempt of the account that is open.

    One walk serves them all: a part that was looked at meanwhile is due later, and its own message changes nothing.
    """
    now = context.store.now()
    if part.due_at is not None and part.due_at > now + EARLY_SECONDS:
        context.metrics.message_stale(Lane.SUBMIT, "early")
        return
    account = context.store.account(part.account, part.provider)
    rules = search_rules(context.settings)
    named = connected.is_named(account)
    waiting = kept_back(context, connected)
    if waiting is not None:
        _apply(context, look_again(part, now, rules, named=named, not_before=waiting.until))
        return
    turn = WalkTurn(context, connected, now)
    if not turn.begin():
        # Somebody walks it already, and will decide about this part too.
        _apply(context, wait_for_walk(part, now, rules))
        return
    try:
        _walk_for(context, connected, part, rules, turn, named=named)
    finally:
        turn.end()


def _walk_for(
    context: Context, connected: Connected, part: PartRecord, rules: SearchRules, turn: WalkTurn, *, named: bool
) -> None:
    now = context.store.now()
    sweep = Sweep(began_at=now)
    began = time.monotonic()
    alive = attempts_alive(context, connected)
    try:
        until = _until(part, connected, now, rules, named=named)
        thorough = is_to_be_proven(context, connected)
        walked = walk(context, connected, sweep, thorough=thorough, until=until, going_on=turn.go_on)
    except ProviderError as error:
        not_before = context.store.now() + (error.retry_after_seconds or 0.0)
        if not isinstance(error, OwnRateReached):
            log.warning("search_incomplete", account=part.account, pages=sweep.pages, error=str(error))
            not_before = pause_account(context, part.account, part.provider, error)
        _look_again(context, part.part_id, rules, named=named, not_before=not_before)
        return
    if sweep.complete:
        write_sweep(context.store, part.account, sweep)
    decide(context, connected, walked, alive)
    seconds = time.monotonic() - began
    context.metrics.stage_finished("search", provider=part.provider, account=part.account, kind="", seconds=seconds)


def search_rules(settings: Settings) -> SearchRules:
    """How long to search, by the settings."""
    return SearchRules(
        settle_seconds=settings.settle_seconds,
        settle_unnamed_seconds=settings.settle_unnamed_seconds,
        clock_skew_seconds=settings.clock_skew_seconds,
        search_seconds_max=settings.search_seconds_max,
        floor_seconds=settings.poll_floor_seconds,
    )


def _until(part: PartRecord, connected: Connected, now: float, rules: SearchRules, *, named: bool) -> int | None:
    """The id at which a walk may end that is too early to prove an absence, `None` for a walk over everything."""
    if not named or not connected.provider.capabilities.list_newest_first or part.attempt is None:
        return None
    return part.watermark if now < part.attempt.over_at + rules.settle_seconds else None


def is_to_be_proven(context: Context, connected: Connected) -> bool:
    """Whether a walk that begins now may prove that some open attempt has no job: its job would have appeared."""
    account = context.store.account(connected.account.name, connected.account.provider)
    rules, named, now = search_rules(context.settings), connected.is_named(account), context.store.now()
    attempts = (part.attempt for part in _open_attempts(context, connected))
    return any(attempt is not None and settled(attempt, rules, named=named) <= now for attempt in attempts)


def attempts_alive(context: Context, connected: Connected) -> frozenset[str]:
    """The open attempts of the account that a process of this host may still be sending.

    To be asked before a walk: one that ends while the list is read has not settled by then.
    """
    attempts = (part.attempt for part in _open_attempts(context, connected))
    return frozenset(attempt.object for attempt in attempts if attempt and context.spending.is_held(attempt.object))


def _open_attempts(context: Context, connected: Connected) -> Iterator[PartRecord]:
    def leave(part_id: str, error: Unreadable) -> None:
        context.leave(Lane.SUBMIT, part_id, error)

    return context.store.open_attempts(connected.account.name, leave)


def decide(context: Context, connected: Connected, walked: Walked, alive: frozenset[str]) -> None:
    """What a walk means for each attempt of the account that is open still; `alive` were so when it began."""
    account = context.store.account(connected.account.name, connected.account.provider)
    rules, named = search_rules(context.settings), connected.is_named(account)
    for part in _open_attempts(context, connected):
        now = context.store.now()
        if part.state is not PartState.INTENT or part.leased_now(now) or part.service != connected.service:
            continue
        grounds = Grounds(
            named=named,
            ask=connected.account.when_absent == "ask",
            alive=part.attempt is not None and part.attempt.object in alive,
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
        log.info(
            "job_taken_meanwhile",
            upload_id=part.upload_id,
            part=part.index,
            remote_id=taken.remote_id,
            by=taken.part_id,
        )
        return
    if part.state is PartState.PENDING:
        try:
            close_followed(context.storage, part)
        except StorageError as error:
            log.warning("outcome_not_recorded", upload_id=part.upload_id, part=part.index, error=str(error))
    if part.lane is None:
        context.nudge(part.upload_id)


def gives_way(context: Context, taken: Taken) -> bool:
    """Whether the part that has the remote id was only taken to have it, and has it no more."""
    for _ in range(GIVE_WAY_TRIES):
        try:
            owner = context.store.part(taken.part_id)
            if owner is None or not owner.provisional or owner.remote_id != taken.remote_id:
                return False
            context.apply(displaced(owner, context.store.now()))
        except Stale:
            continue
        except Unreadable as error:
            context.leave(Lane.SUBMIT, taken.part_id, error)
            return False
        return True
    return False
