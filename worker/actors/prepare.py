"""Prepare: stage the input, fold and split it, and give birth to its parts. Nothing is spent."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from worker.actors.names import input_name, values_name
from worker.actors.shell import keeping, step
from worker.core import upload as core
from worker.core.quota import Day, over_quota
from worker.core.records import PartRecord, UploadRecord
from worker.core.schedule import backoff_seconds
from worker.core.states import PART_LANES, Lane, PartState
from worker.core.token import part_token
from worker.providers.port import Kind
from worker.rows.dialect import Options
from worker.rows.errors import InputChanged, InputError, ScratchFailed
from worker.rows.source import open_source
from worker.rows.staging import Staged, StagedPart, stage
from worker.storage import StorageError
from worker.storage.copies import local_file
from worker.store.errors import OverQuota

if TYPE_CHECKING:
    from pathlib import Path

    from worker.actors.shell import Keeper
    from worker.context import Connected, Context

#: Wait before staging is tried again when storage or disk refuse (shortest, longest), seconds.
RETRY_SECONDS = (5.0, 300.0)
#: Bytes copied at once.
COPY_BYTES = 1024 * 1024


def run(context: Context, upload_id: str, epoch: int) -> None:
    """Stage the upload's input."""
    step(context, Lane.PREPARE, upload_id, epoch, _prepare)


def _prepare(context: Context, upload: UploadRecord) -> None:
    now = context.store.now()
    days = context.settings.retention_days
    connected = context.accounts.get(upload.account)
    if upload.cancel_requested:
        context.apply(core.cancelled(upload, now, days))
        return
    if connected is None:
        message = f"The account {upload.account!r} is not in the accounts file of this worker."
        context.apply(core.later(upload, now, "account_unknown", message, now + RETRY_SECONDS[1]))
        return
    preparing = core.preparing(upload, context.process, now, context.settings.work_lease_seconds)
    with (
        keeping(context, preparing, UploadRecord) as keeper,
        context.workspace.folder() as folder,
    ):
        try:
            staged = _stage(context, upload, connected, folder, keeper)
            parts = _publish(context, upload, staged)
            failure = None
        except (InputError, StorageError, ScratchFailed) as error:
            failure = error
    now = context.store.now()
    if failure is None:
        found, safety = _found(upload, staged), context.settings.safety_look_seconds
        rows_max = context.settings.rows_per_day_max(upload.producer)
        try:
            keeper.conclude(lambda record: core.prepared(record, found, parts, now, safety, rows_per_day_max=rows_max))
        except OverQuota as over:
            day = Day(used_rows=over.used_rows, most_rows=rows_max or 0, ends_at=over.resets_at)
            keeper.conclude(lambda record: over_quota(record, found.distinct, day, now, days))
    elif isinstance(failure, InputError):
        reason, message = failure.reason, str(failure)
        keeper.conclude(lambda record: core.fail(record, now, reason, message, days))
    else:
        reason, message = failure.reason, str(failure)
        wait = backoff_seconds(upload.tries + 1, floor_seconds=RETRY_SECONDS[0], cap_seconds=RETRY_SECONDS[1])
        keeper.conclude(lambda record: core.later(record, now, reason, message, now + wait))


def _stage(
    context: Context, upload: UploadRecord, connected: Connected, folder: Path, keeper: Keeper[UploadRecord]
) -> Staged:
    copy = _copy_input(context, upload, folder)
    caps = (connected.provider.capabilities.batch_rows_max, connected.account.max_part_rows)
    limits = context.limits
    staged = stage(
        copy,
        folder,
        kind=Kind(upload.kind),
        options=Options.model_validate(upload.options),
        limits=limits,
        rows_per_part=min((cap for cap in caps if cap is not None), default=limits.input_rows_max),
        on_progress=lambda rows: keeper.progress(staged_rows=rows),
    )
    if staged.input_sha256 != upload.content_digest:
        raise InputChanged("The file is not the one that was accepted: it changed meanwhile. Submit it again.")
    return staged


def _copy_input(context: Context, upload: UploadRecord, folder: Path) -> Path:
    """The input as a local file that nobody else changes: the staged copy, made from the source if it is not there."""
    name = input_name(upload.upload_id, upload.source)
    if not context.storage.exists(name):
        with open_source(upload.source, context.settings.input_roots) as source, context.storage.write(name) as target:
            shutil.copyfileobj(source, target, COPY_BYTES)
    return local_file(context.storage, name, folder)


def _publish(context: Context, upload: UploadRecord, staged: Staged) -> list[PartRecord]:
    return [_part(context, upload, part) for part in staged.parts]


def _part(context: Context, upload: UploadRecord, part: StagedPart) -> PartRecord:
    name = values_name(upload.upload_id, part.index)
    context.storage.put_file(name, part.path)
    now = context.store.now()
    token = part_token(
        installation_id=context.settings.installation_id,
        account=upload.account,
        upload_id=upload.upload_id,
        index=part.index,
        kind=upload.kind,
        digest=part.values_digest,
    )
    return PartRecord(
        account=upload.account,
        provider=upload.provider,
        kind=upload.kind,
        since=now,
        created_at=now,
        updated_at=now,
        state=PartState.PENDING,
        lane=PART_LANES[PartState.PENDING],
        due_at=now,
        upload_id=upload.upload_id,
        index=part.index,
        rows=part.rows,
        digest=part.values_digest,
        values_object=name,
        token=token,
    )


def _found(upload: UploadRecord, staged: Staged) -> core.Prepared:
    return core.Prepared(
        dialect=staged.dialect.model_dump(mode="json"),
        input_object=input_name(upload.upload_id, upload.source),
        input_bytes=staged.input_bytes,
        rows=staged.rows,
        empty=staged.empty,
        folded=staged.folded,
        withheld=staged.withheld,
        distinct=staged.distinct,
        details={
            "rows": staged.rows,
            "empty": staged.empty,
            "folded": staged.folded,
            "withheld": staged.withheld,
            "to_send": staged.distinct,
            "parts": len(staged.parts),
            "why": staged.dialect.why,
        },
    )
