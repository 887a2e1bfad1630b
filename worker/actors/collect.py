"""Collect: download a finished job's result, verify it, and keep its verdicts. The result is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.accounts import pause_account
from worker.actors.names import raw_name, verdicts_name
from worker.actors.shell import keeping, lease, step
from worker.core import part as core
from worker.core.records import PartRecord
from worker.core.schedule import backoff_seconds
from worker.core.states import Lane
from worker.providers.errors import OwnRateReached, ProviderError
from worker.providers.port import Kind
from worker.rows.collected import CollectedSummary, write_verdicts
from worker.storage import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from worker.actors.shell import Keeper
    from worker.context import Connected, Context

#: Wait before a result is fetched again (shortest, longest), seconds.
RETRY_SECONDS = (2.0, 300.0)
#: Seconds until a part is looked at again whose account is not configured.
BLOCKED_LOOK_SECONDS = 60.0


def run(context: Context, part_id: str, epoch: int) -> None:
    """Collect the part's result."""
    step(context, Lane.COLLECT, part_id, epoch, _collect)


def _collect(context: Context, part: PartRecord) -> None:
    connected = context.accounts.get(part.account)
    now = context.store.now()
    obstacle = _obstacle(context, part, connected, now)
    if obstacle is not None or connected is None:
        reason, until = obstacle or ("account_unknown", now + BLOCKED_LOOK_SECONDS)
        context.apply(core.collect_later(part, now, reason, "The account cannot be used now.", until))
        return
    with (
        keeping(context, lease(context, part), PartRecord) as keeper,
        context.workspace.folder() as folder,
    ):
        try:
            summary = _fetch(context, part, connected, folder)
            failure = None
        except (ProviderError, StorageError) as error:
            failure = error
    if failure is None:
        _collected(context, keeper, summary)
    else:
        _later(context, keeper, part, failure)


def _obstacle(context: Context, part: PartRecord, connected: Connected | None, now: float) -> tuple[str, float] | None:
    if connected is None:
        return "account_unknown", now + BLOCKED_LOOK_SECONDS
    if part.service != connected.service:
        return "account_moved", now + BLOCKED_LOOK_SECONDS
    account = context.store.account(part.account, part.provider)
    return (account.pause_reason, account.paused_until) if account.paused(now) else None


def _fetch(context: Context, part: PartRecord, connected: Connected, folder: Path) -> CollectedSummary:
    kind = Kind(part.kind)
    artifacts = connected.provider.collect(part.remote_id or "", folder)
    for artifact in artifacts:
        context.storage.put_file(raw_name(part.upload_id, part.index, artifact.name), artifact.path)
    with context.storage.write(verdicts_name(part.upload_id, part.index)) as out:
        return write_verdicts(connected.provider.read(artifacts, kind), kind, out)


def _collected(context: Context, keeper: Keeper[PartRecord], summary: CollectedSummary) -> None:
    now = context.store.now()
    change = keeper.conclude(
        lambda record: core.collected(
            record,
            now,
            rows_returned=summary.rows,
            verdicts_object=verdicts_name(record.upload_id, record.index),
            verdicts_digest=summary.sha256,
            same_values=summary.values_digest == record.digest,
        )
    )
    part = change.parts[0]
    lag_seconds = max(now - (part.remote_finished_at or now), 0.0)
    context.metrics.result_verified(provider=part.provider, account=part.account, lag_seconds=lag_seconds)
    run_seconds = max(now - (part.submitted_at or now), 0.0)
    context.metrics.stage_finished(
        "remote", provider=part.provider, account=part.account, kind=part.kind, seconds=run_seconds
    )
    context.nudge(part.upload_id)


def _later(
    context: Context, keeper: Keeper[PartRecord], part: PartRecord, failure: ProviderError | StorageError
) -> None:
    now = context.store.now()
    until = now + backoff_seconds(part.tries + 1, floor_seconds=RETRY_SECONDS[0], cap_seconds=RETRY_SECONDS[1])
    if isinstance(failure, OwnRateReached):
        until = now + (failure.retry_after_seconds or RETRY_SECONDS[0])
    elif isinstance(failure, ProviderError) and failure.reason in {"throttled", "credentials_rejected", "unavailable"}:
        until = max(until, pause_account(context, part.account, part.provider, failure))
    keeper.conclude(lambda record: core.collect_later(record, now, failure.reason, str(failure), until))
