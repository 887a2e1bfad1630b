"""Submit: the only actor that spends, at most once for each part.

The order is the promise: limits and credits reserved in the store, the attempt recorded in storage, the intent in the
store, and only then one request. A known outcome closes the attempt; anything else leaves it open, and nothing follows
it before the provider's list has been searched for its job.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import kept_back, pause_account, provider_well
from worker.actors.attempts import (
    Outcome,
    attempt_name,
    close_attempt,
    found_late,
    open_attempt,
    outcome_of,
    remembered_attempt,
)
from worker.actors.reuse import has_taken_over
from worker.actors.shell import step
from worker.actors.submission import checked_values, method_for, no_method, submission_of
from worker.actors.unresolved import gives_way, search
from worker.core import part as core
from worker.core.blocked import blocked, blocked_seconds, tried
from worker.core.budget import BUDGET_REASON, BudgetDay
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.resolve import COLLISION_REASON
from worker.core.schedule import backoff_seconds, next_look_seconds
from worker.core.search import UNRESOLVED_REASON, unresolved
from worker.core.states import Lane, PartState
from worker.core.token import matching
from worker.core.values import Attempt
from worker.correlation import ids_of
from worker.providers.errors import (
    CredentialsRejected,
    NotSent,
    OutcomeUnknown,
    OutOfCredits,
    OwnRateReached,
    ProviderError,
    Refused,
    Throttled,
)
from worker.rows.errors import ValuesDamaged
from worker.spending import NotLocked
from worker.storage import StorageError
from worker.store.errors import Full, OverBudget, Stale, Taken, Unreadable

if TYPE_CHECKING:
    from worker.actors.attempts import Remembered
    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.providers.port import Submission, Submitted

log = structlog.get_logger()

#: Times a learned fact is written again when the record moves on meanwhile.
FACT_TRIES = 10
#: Most attempts of one part that are known to be unspent before a person is asked.
ATTEMPTS_MAX = 50

#: Refusals of a submit that are certain to have cost nothing, and that another time may end otherwise.
WAITING = (CredentialsRejected, OutOfCredits, Throttled, NotSent)


def run(context: Context, part_id: str, epoch: int) -> None:
    """Submit the part, once, unless it may have verdicts that are there."""
    step(context, Lane.SUBMIT, part_id, epoch, _have_verified)


def _have_verified(context: Context, part: PartRecord) -> None:
    if not has_taken_over(context, part):
        _submit(context, part)


def _submit(context: Context, part: PartRecord) -> None:
    now = context.store.now()
    connected = context.accounts.get(part.account)
    if part.state is PartState.INTENT:
        _resolve(context, part, connected, now)
        return
    upload = context.store.upload(part.upload_id)
    if upload is None or connected is None:
        missing = "upload_unknown" if upload is None else "account_unknown"
        context.apply(blocked(part, now, missing))
        return
    ended = upload.cancel_requested or upload.terminal
    waiting = None if ended else kept_back(context, connected, spends_rows=part.rows)
    # A lease must last from here on, and finding out may have taken a call.
    now = context.store.now()
    method = method_for(context, upload, connected)
    obstacle = core.before_submit(part, upload, waiting, now)
    if obstacle is None and part.attempts - part.attempts_from >= ATTEMPTS_MAX:
        message = f"{part.attempts} attempts to submit this part ended without a job; the timeline tells why."
        obstacle = core.quarantine(part, now, "attempts_exhausted", message, unsent=True)
    elif obstacle is None and method is None:
        obstacle = core.refused(part, now, "method_unsupported", no_method(upload, connected))
    if obstacle is not None:
        _put_off(context, part, now, obstacle)
        return
    part = part.model_copy(update={"method": str(method)})
    try:
        connected.gate.prepare("submit")
    except OwnRateReached as error:
        _put_off(context, part, now, stand(core.hold(part, now, error.reason, now + LINE_LOOK_SECONDS)))
        return
    # Before the lease is taken, so that it outlasts the deadline however long this process is held up in between.
    since = time.monotonic()
    reserved = _reserve(context, part, connected, now)
    if reserved is None:
        return
    try:
        with context.workspace.folder() as folder:
            values = checked_values(context, part, folder)
            submission = submission_of(context, upload, reserved, values, since)
            with structlog.contextvars.bound_contextvars(attempt=reserved.attempts + 1):
                _attempt(context, reserved, connected, submission)
    except StorageError as error:
        # Whatever has begun by now has caught its own: nothing was recorded, and nothing sent.
        log.warning("attempt_not_begun", error=str(error))
        context.apply(blocked(reserved, now, "storage_unavailable"))
    except ValuesDamaged as error:
        _write(context, reserved, core.quarantine(reserved, now, error.reason, str(error), unsent=True))
    context.wake_next(part.account)


def _resolve(context: Context, part: PartRecord, connected: Connected | None, now: float) -> None:
    """An attempt that was not seen through: its outcome in storage decides, or the provider's list."""
    number = part.attempt.number if part.attempt else part.attempts
    outcome = outcome_of(context.storage, part.token, number)
    if outcome is not None:
        _write(context, part, _recorded(part, number, outcome, now))
    elif connected is None or part.service != connected.service:
        reason = "account_unknown" if connected is None else "account_moved"
        message = "The account that this attempt was made on is not configured as it was; its list cannot be searched."
        look_at = now + blocked_seconds(part)
        _write(context, part, unresolved(tried(part), now, reason, message, look_at=look_at))
    else:
        search(context, connected, part)


def _put_off(context: Context, part: PartRecord, now: float, change: Change) -> None:
    """Write what stands in the way of the part, unless it waits for that already and its next look is still to come.

    So a look too many, by a doubled message or because the part was woken in vain, ends here and sends no further one.
    """
    (held,) = change.parts
    same = (part.state, part.reason) == (held.state, held.reason) and (part.due_at or 0.0) > now
    if not same or (change.stand is not None and not context.lines.hold(part.account, Lane.SUBMIT, part.part_id)):
        _write(context, part, change)


def _reserve(context: Context, part: PartRecord, connected: Connected, now: float) -> PartRecord | None:
    settings = context.settings
    named = connected.is_named(context.store.account(part.account, part.provider))
    lease_seconds = settings.submit_deadline_seconds + settings.lease_margin_seconds
    reuse_key = connected.reuse_key(part.kind, part.rows, part.digest)
    change = core.reserve(
        part.model_copy(update={"service": connected.service, "reuse_key": reuse_key}),
        context.process,
        now,
        lease_seconds,
        active_max=connected.account.max_active,
        intents_max=None if named else 1,
        rows_per_day_max=connected.account.rows_per_day_max,
    )
    try:
        written = context.apply(change)
    except Full as full:
        _put_off(context, part, now, stand(core.hold(part, now, f"limit_{full.guard}", now + LINE_LOOK_SECONDS)))
        return None
    except OverBudget as over:
        day = BudgetDay(over.used_rows, connected.account.rows_per_day_max or 0, over.resets_at)
        _put_off(context, part, now, core.hold(part, now, BUDGET_REASON, day.ends_at, day.why_not(part)))
        return None
    return change.parts[0].written(written.txn)


def _attempt(context: Context, part: PartRecord, connected: Connected, submission: Submission) -> None:
    """Record the attempt, durably and first in storage; then spend. Raises `StorageError` when it was not recorded."""
    now = context.store.now()
    number = part.attempts + 1
    if part.watermark is None:
        part = part.model_copy(update={"watermark": context.store.highest_remote(part.remote_scope) or 0})
    remote_id = found_late(context.storage, part.token) if part.attempts else None
    if remote_id is not None:
        _write(context, part, core.submitted(part, remote_id, "attempt_record", now, look_at=now))
        return
    try:
        with context.spending.held(attempt_name(part.token, number)):
            attempt, is_new = open_attempt(context, part, now, part.lease.until if part.lease else now)
            if is_new:
                intent = core.intent(part, attempt, now)
                written = context.apply(intent)
                _spend(context, intent.parts[0].written(written.txn), connected, submission)
                return
    except NotLocked as error:
        log.warning("attempt_not_begun", error=str(error))
        context.apply(blocked(part, now, error.reason))
        return
    _take_up(context, part, number, now)


def _take_up(context: Context, part: PartRecord, number: int, now: float) -> None:
    """Go on with an attempt that storage has and the store does not know: it may have been spent, so search for it."""
    try:
        known = remembered_attempt(context.storage, part.token, number)
        if known.service not in {None, part.service}:
            change = blocked(part, now, "account_moved")
        elif known.outcome is not None:
            change = _recorded(part, number, known.outcome, now)
        else:
            change = _searched_for(part, known, now)
    except Unreadable as error:
        context.leave(Lane.SUBMIT, part.part_id, error)
        change = blocked(part, now, error.reason, str(error))
    _write(context, part, change)


def _recorded(part: PartRecord, number: int, outcome: Outcome, now: float) -> Change:
    """An attempt whose outcome only storage knows."""
    if outcome.remote_id is not None:
        return core.submitted(part, outcome.remote_id, "attempt_record", now, look_at=now)
    return core.hold(part.model_copy(update={"attempts": number}), now, "attempt_known", now)


def _searched_for(part: PartRecord, known: Remembered, now: float) -> Change:
    """The store has forgotten the attempt: it is open again, as storage remembers it."""
    over_at = part.lease.until if part.lease else now
    attempt = Attempt(
        number=known.number,
        object=known.object,
        # A record that does not tell its time may be of any: every job may be its own.
        at=known.at or 0.0,
        over_at=over_at if known.over_at is None else known.over_at,
    )
    part = part.model_copy(update={"attempt": attempt, "attempts": known.number, "watermark": known.watermark})
    message = f"Attempt {known.number} of this part was recorded and its outcome is not known."
    return unresolved(part, now, UNRESOLVED_REASON, message, look_at=now)


def _spend(context: Context, part: PartRecord, connected: Connected, submission: Submission) -> None:
    """One request, and what its outcome means. Raises nothing but `StoreError`."""
    try:
        accepted = connected.provider.submit(submission)
    except Refused as error:
        _close(context, part, Outcome(unspent=error.reason))
        _write(context, part, core.refused(part, context.store.now(), error.reason, str(error)))
    except WAITING as error:
        _close(context, part, Outcome(unspent=error.reason))
        _wait(context, part, error)
    except ProviderError as error:
        remote_id = error.remote_id if isinstance(error, OutcomeUnknown) else None
        _search_later(context, part, error.reason, str(error), remote_id)
    except Exception as error:
        log.exception("submit_crashed", error=type(error).__name__)
        message = f"The attempt ended with {type(error).__name__}; the provider may have accepted it."
        _search_later(context, part, "outcome_unknown", message)
    else:
        _close(context, part, Outcome(remote_id=accepted.remote_id))
        _accepted(context, part, accepted)


def _search_later(context: Context, part: PartRecord, reason: str, message: str, remote_id: str | None = None) -> None:
    now = context.store.now()
    look_at = now + context.settings.poll_floor_seconds
    _write(context, part, unresolved(part, now, reason, message, look_at=look_at, remote_id=remote_id))


def _accepted(context: Context, part: PartRecord, accepted: Submitted) -> None:
    now = context.store.now()
    began_at = part.attempt.at if part.attempt is not None else now
    look_at = now + next_look_seconds(context.policy, age_seconds=0.0)
    try:
        _write(context, part, core.submitted(part, accepted.remote_id, "answer", now, look_at=look_at))
    except Stale:
        learn(context, part.part_id, accepted.remote_id, "late_answer", service=part.service)
    names = {"provider": part.provider, "account": part.account, "kind": part.kind}
    context.metrics.stage_finished("queued", seconds=began_at - part.created_at, **names)
    context.metrics.stage_finished("submit", seconds=now - began_at, **names)
    echoed = matching(accepted.name, [part.token]) is not None
    provider_well(context, part.account, part.provider, spent=True, echoed=echoed)


def learn(context: Context, part_id: str, remote_id: str, how: str, *, service: str = "") -> None:
    """Keep a remote id that was learned for a part, whatever the part has become meanwhile. Facts are never fenced.

    `service` is where the id means something: a part that was made anew, because the store was emptied, does not know.
    """
    for _ in range(FACT_TRIES):
        part = context.store.part(part_id)
        if part is None:
            break
        if not part.service:
            part = part.model_copy(update={"service": service})
        now = context.store.now()
        change = core.learn(part, remote_id, how, now, look_at=now)
        if change is None:
            return
        try:
            _write(context, part, change)
        except Stale:
            continue
        return
    log.error("remote_id_not_kept", **ids_of(part_id), remote_id=remote_id, how=how, remedy="it is in the outcome")


def _wait(context: Context, part: PartRecord, error: ProviderError) -> None:
    """A definite refusal that will pass: the part is held, and the account left alone for a while."""
    now = context.store.now()
    until = pause_account(context, part.account, part.provider, error)
    if isinstance(error, NotSent):
        until = max(until, now + backoff_seconds(part.attempts, floor_seconds=2.0, cap_seconds=300.0))
    context.apply(core.hold(part, now, error.reason, until))


def _close(context: Context, part: PartRecord, outcome: Outcome) -> None:
    """Record an outcome in storage; when that fails the store still has it."""
    try:
        close_attempt(context.storage, part.token, part.attempts, outcome)
    except (StorageError, Unreadable) as error:
        log.warning("outcome_not_recorded", upload_id=part.upload_id, part=part.index, error=str(error))


def _write(context: Context, part: PartRecord, change: Change) -> None:
    """Write a part's decision, and have its upload looked at if the part will not move by itself any more.

    A remote id that belongs to another part is never taken over: the part stops, because one of the two is wrong. But a
    part that only found the job by its time gives way.
    """
    try:
        context.apply(change)
    except Taken as taken:
        if gives_way(context, taken):
            _write(context, part, change)
            return
        how, now = "another_parts_id", context.store.now()
        change = core.quarantine(part, now, COLLISION_REASON, str(taken), remote_id=taken.remote_id, how=how)
        context.apply(change)
    if change.parts[0].lane is None:
        context.nudge(change.upload_id)
