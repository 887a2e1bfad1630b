"""Submit: the only actor that spends, at most once for each part.

The order is the promise: limits and credits reserved in the store, the attempt recorded in storage, the intent in the
store, and only then one request. A known outcome closes the attempt; anything else leaves it open and the part in
quarantine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.actors.accounts import pause_account, provider_well
from worker.actors.attempts import Outcome, close_attempt, open_attempt, outcome_of
from worker.actors.reuse import has_taken_over
from worker.actors.shell import step
from worker.core import part as core
from worker.core.method import PULL, choose_method
from worker.core.schedule import backoff_seconds, next_look_seconds
from worker.core.states import Lane, PartState
from worker.core.token import remote_name, token_in
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
from worker.providers.port import Kind, Submission, SubmitMethod
from worker.storage import StorageError
from worker.storage.copies import local_file
from worker.store.errors import Full, Later, Stale, Taken

if TYPE_CHECKING:
    from pathlib import Path

    from worker.context import Connected, Context
    from worker.core.change import Change
    from worker.core.records import PartRecord, UploadRecord
    from worker.providers.port import Submitted

log = structlog.get_logger()

#: Seconds until a part is tried again for which its account had no place, if nobody wakes it before.
LIMIT_LOOK_SECONDS = 15.0
#: Seconds until a part is tried again whose account is not configured, or whose attempt could not be recorded.
BLOCKED_LOOK_SECONDS = 60.0
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
    if part.state is PartState.INTENT:
        # Its worker is gone: had it lived, the outcome would be written.
        _write(context, part, _recorded(context, part, part.attempts, now))
        return
    upload = context.store.upload(part.upload_id)
    connected = context.accounts.get(part.account)
    if upload is None or connected is None:
        missing = "upload_unknown" if upload is None else "account_unknown"
        context.apply(core.hold(part, now, missing, now + BLOCKED_LOOK_SECONDS))
        return
    account = context.store.account(part.account, part.provider)
    obstacle = core.before_submit(part, upload, account, now)
    if obstacle is not None:
        _write(context, part, obstacle)
        return
    method = choose_method(upload, connected.provider.capabilities.submit_methods)
    if method is None:
        _write(context, part, core.refused(part, now, "method_unsupported", _no_method(upload, connected)))
        return
    part = part.model_copy(update={"method": str(method)})
    try:
        connected.gate.prepare("submit")
    except OwnRateReached as error:
        context.apply(core.hold(part, now, error.reason, now + (error.retry_after_seconds or LIMIT_LOOK_SECONDS)))
        return
    reserved = _reserve(context, part, connected, now, echo_proven=account.echo_proven)
    if reserved is None:
        return
    try:
        with context.workspace.folder() as folder:
            values = local_file(context.storage, part.values_object, folder)
            _attempt(context, upload, reserved, connected, values)
    except StorageError as error:
        # Whatever has begun by now has caught its own: nothing was recorded, and nothing sent.
        log.warning("attempt_not_begun", error=str(error))
        context.apply(core.hold(reserved, now, "storage_unavailable", now + BLOCKED_LOOK_SECONDS))
    context.wake_next(part.account)


def _no_method(upload: UploadRecord, connected: Connected) -> str:
    methods = ", ".join(connected.provider.capabilities.submit_methods)
    account = connected.account
    pulled = ""
    if upload.method == PULL:
        pulled = " A list can be pulled only where its file is exactly what would be sent, as one part."
    return f"The list cannot go to {account.name} ({account.provider}) as {upload.method}; it takes: {methods}.{pulled}"


def _reserve(
    context: Context, part: PartRecord, connected: Connected, now: float, *, echo_proven: bool
) -> PartRecord | None:
    settings = context.settings
    lease_seconds = settings.submit_deadline_seconds + settings.lease_margin_seconds
    certain = connected.provider.capabilities.name_echo and echo_proven
    reuse_key = connected.reuse_key(part.kind, part.rows, part.digest)
    change = core.reserve(
        part.model_copy(update={"service": connected.service, "reuse_key": reuse_key}),
        context.process,
        now,
        lease_seconds,
        active_max=connected.account.max_active,
        intents_max=None if certain else 1,
    )
    try:
        context.apply(change)
    except Full as full:
        context.apply(core.hold(part, now, f"limit_{full.guard}", now + LIMIT_LOOK_SECONDS))
        return None
    return change.parts[0].written()


def _attempt(context: Context, upload: UploadRecord, part: PartRecord, connected: Connected, values: Path) -> None:
    """Record the attempt, durably and first in storage; then spend. Raises `StorageError` when it was not recorded."""
    now = context.store.now()
    attempt, is_new = open_attempt(context, part, now, part.lease.until if part.lease else now)
    if not is_new:
        # The record must know of it, so that a job found later resolves this attempt and is not taken for a second one.
        known = part.model_copy(update={"attempt": attempt})
        try:
            change = _recorded(context, known, attempt.number, now)
        except Later as later:
            context.leave(Lane.SUBMIT, part.part_id, later)
            change = core.hold(part, now, later.reason, now + BLOCKED_LOOK_SECONDS)
        _write(context, known, change)
        return
    intent = core.intent(part, attempt, now)
    context.apply(intent)
    _spend(context, upload, intent.parts[0].written(), connected, values)


def _recorded(context: Context, part: PartRecord, number: int, now: float) -> Change:
    """An attempt that was recorded and not seen through: its outcome in storage decides, or a person does."""
    outcome = outcome_of(context.storage, part.token, number)
    if outcome is None or number >= ATTEMPTS_MAX:
        return core.unresolved(part, number, now)
    if outcome.remote_id is not None:
        return core.submitted(part, outcome.remote_id, "attempt_record", now, look_at=now)
    return core.hold(part.model_copy(update={"attempts": number}), now, "attempt_known", now)


def _spend(context: Context, upload: UploadRecord, part: PartRecord, connected: Connected, values: Path) -> None:
    """One request, and what its outcome means. Raises nothing but `StoreError`."""
    method = SubmitMethod(part.method)
    submission = Submission(
        path=values,
        rows=part.rows,
        kind=Kind(part.kind),
        name=remote_name(part.token, upload.label),
        deadline_seconds=context.settings.submit_deadline_seconds,
        method=method,
        url=upload.source["remote_url"] if method is SubmitMethod.PULL else None,
    )
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
        now = context.store.now()
        _write(context, part, core.quarantine(part, now, error.reason, str(error), remote_id=remote_id))
    except Exception as error:
        log.exception("submit_crashed", error=type(error).__name__)
        message = f"The attempt ended with {type(error).__name__}; the provider may have accepted it."
        _write(context, part, core.quarantine(part, context.store.now(), "outcome_unknown", message))
    else:
        _close(context, part, Outcome(remote_id=accepted.remote_id))
        _accepted(context, part, accepted)


def _accepted(context: Context, part: PartRecord, accepted: Submitted) -> None:
    now = context.store.now()
    look_at = now + next_look_seconds(context.policy, age_seconds=0.0)
    try:
        _write(context, part, core.submitted(part, accepted.remote_id, "answer", now, look_at=look_at))
    except Stale:
        learn(context, part.part_id, accepted.remote_id, "late_answer")
    provider_well(context, part.account, part.provider, echoed=token_in(accepted.name) == part.token)


def learn(context: Context, part_id: str, remote_id: str, how: str) -> None:
    """Keep a remote id that was learned for a part, whatever the part has become meanwhile. Facts are never fenced."""
    for _ in range(FACT_TRIES):
        part = context.store.part(part_id)
        if part is None:
            break
        now = context.store.now()
        change = core.learn(part, remote_id, how, now, look_at=now)
        if change is None:
            return
        try:
            _write(context, part, change)
        except Stale:
            continue
        return
    log.error("remote_id_not_kept", part=part_id, remote_id=remote_id, how=how, remedy="it is in the attempt's outcome")


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
    except StorageError as error:
        log.warning("outcome_not_recorded", part=part.part_id, error=str(error))


def _write(context: Context, part: PartRecord, change: Change) -> None:
    """Write a part's decision, and have its upload looked at if the part will not move by itself any more.

    A remote id that belongs to another part is never taken over: the part stops, because one of the two is wrong.
    """
    try:
        context.apply(change)
    except Taken as taken:
        how, now = "another_parts_id", context.store.now()
        change = core.quarantine(part, now, "identity_collision", str(taken), remote_id=taken.remote_id, how=how)
        context.apply(change)
    if change.parts[0].lane is None:
        context.nudge(change.upload_id)
