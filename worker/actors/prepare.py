"""Prepare: stage the input, fold and split it, and give birth to its parts. Nothing is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.content import ContentDigest
from worker.actors.kept import Kept, keep_upload, kept_name, kept_upload
from worker.actors.list_staging import check_unchanged, obstacles_to_pulling, plain_input, stage_upload
from worker.actors.names import index_name, input_name, sent_values, values_name
from worker.actors.shell import keeping, step
from worker.core import upload as core
from worker.core.quota import Day, over_quota
from worker.core.records import PartRecord, UploadRecord
from worker.core.schedule import backoff_seconds
from worker.core.states import PART_LANES, Lane, PartState
from worker.core.token import part_token
from worker.rows.errors import InputError, ScratchFailed, SourceUnavailable, SplitDiffers
from worker.rows.index import index_digest
from worker.rows.scratch import scratch_errors
from worker.sources import STAGING_FACTOR, open_input
from worker.storage import StorageError, exists
from worker.storage.copies import local_file
from worker.store.errors import OverQuota

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.actors.shell import Keeper
    from worker.context import Connected, Context
    from worker.rows.parts import StagedPart
    from worker.rows.plain_list import PlainList
    from worker.rows.staging import Staged

#: Wait before staging is tried again when storage or disk refuse (shortest, longest), seconds.
RETRY_SECONDS = (5.0, 300.0)
#: Bytes copied at once.
COPY_BYTES = 1024 * 1024


def run(context: Context, upload_id: str, epoch: int) -> None:
    """Stage the upload's input."""
    step(context, Lane.PREPARE, upload_id, epoch, _prepare)


def _prepare(context: Context, upload: UploadRecord) -> None:
    now = began = context.store.now()
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
    with keeping(context, preparing, UploadRecord) as keeper:
        try:
            with context.workspace.folder() as folder:
                found, parts = _stage(context, connected, preparing.uploads[0], keeper, folder)
            failure = None
        except (InputError, SourceUnavailable, SplitDiffers, StorageError, ScratchFailed) as error:
            failure = error
    now = context.store.now()
    if failure is None:
        safety = context.settings.safety_look_seconds
        rows_max = context.settings.rows_per_day_max(upload.producer)
        try:
            keeper.conclude(lambda record: core.prepared(record, found, parts, now, safety, rows_per_day_max=rows_max))
            context.metrics.stage_finished(
                "prepare", provider=upload.provider, account=upload.account, kind=upload.kind, seconds=now - began
            )
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
    context: Context, connected: Connected, upload: UploadRecord, keeper: Keeper[UploadRecord], folder: Path
) -> tuple[core.Prepared, list[PartRecord]]:
    """What the upload's list holds, and its parts, all that they need in storage."""
    plain = plain_input(upload, _copy_input(context, upload, folder), folder, context.limits)
    staged = stage_upload(
        upload,
        plain,
        folder,
        limits=context.limits,
        caps=(connected.provider.capabilities.batch_rows_max, connected.account.part_rows_max),
        on_progress=lambda rows: keeper.progress(staged_rows=rows),
    )
    obstacles = obstacles_to_pulling(upload, staged, plain)
    found = _found(upload, staged, plain, _index_name(upload, staged), obstacles)
    return found, _publish(context, upload, staged, found)


def _copy_input(context: Context, upload: UploadRecord, folder: Path) -> Path:
    """The input as a local file that nobody else changes: the staged copy, made from the source if it is not there."""
    name = input_name(upload)
    if not exists(context.storage, name):
        with (
            open_input(context, upload.source, factor=STAGING_FACTOR) as source,
            context.storage.write(name) as target,
        ):
            found = ContentDigest(context.limits.input_bytes_max)
            while block := source.read(COPY_BYTES):
                found.update(block)
                target.write(block)
            check_unchanged(upload, found)
    return local_file(context.storage, name, folder)


def _index_name(upload: UploadRecord, staged: Staged) -> str:
    with scratch_errors(staged.index):
        return index_name(upload.upload_id, index_digest(staged.index))


def _publish(context: Context, upload: UploadRecord, staged: Staged, found: core.Prepared) -> list[PartRecord]:
    """Put everything into storage that the parts need; last what is kept of the upload, which is then whole.

    Raises `StorageError`, and `SplitDiffers` when its id was split in another way before, some of which may be paid.
    """
    parts = [_part(context, upload, part) for part in staged.parts]
    _check_split(context, upload.upload_id, parts)
    context.storage.put_file(found.index_object, staged.index)
    for part, record in zip(staged.parts, parts, strict=True):
        context.storage.put_file(sent_values(record), part.path)
    now = context.store.now()
    (running,) = core.prepared(upload, found, parts, now, context.settings.safety_look_seconds).uploads
    if not keep_upload(context.storage, Kept(running, tuple(parts))):
        _check_split(context, upload.upload_id, parts)
    return parts


def _check_split(context: Context, upload_id: str, parts: Sequence[PartRecord]) -> None:
    kept = kept_upload(context.storage, upload_id)
    if kept is not None and not kept.splits_as(parts):
        raise SplitDiffers(
            f"{kept_name(upload_id)} tells of a list of this id that was split into {len(kept.parts):,} other parts, "
            f"which may be paid for; now there are {len(parts):,}. Set the rows of a part as they were then "
            "(max_part_rows of the account), or submit the list with another upload_id."
        )


def _part(context: Context, upload: UploadRecord, part: StagedPart) -> PartRecord:
    values = values_name(upload.upload_id, part.index, part.sha256)
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
        values_object=values,
        values_sha256=part.sha256,
        token=token,
        trace=upload.trace,
    )


def _told(staged: Staged) -> dict[str, object]:
    """What the timeline tells of a list that was staged: of rows that are unsent or uneven, those that there are."""
    odd = {"empty": staged.empty, "folded": staged.folded, "withheld": staged.withheld}
    odd |= {"ragged": staged.ragged, "columns_added": staged.added_columns}
    counts = {"rows": staged.rows} | {name: count for name, count in odd.items() if count}
    return counts | {"to_send": staged.distinct, "parts": len(staged.parts), "why": staged.dialect.why}


def _found(
    upload: UploadRecord, staged: Staged, plain: PlainList, index: str, obstacles: tuple[str, ...]
) -> core.Prepared:
    remote = "remote_url" in upload.source
    return core.Prepared(
        dialect=staged.dialect.model_dump(mode="json"),
        input_object=input_name(upload),
        input_bytes=plain.sent_bytes,
        rows=staged.rows,
        empty=staged.empty,
        folded=staged.folded,
        withheld=staged.withheld,
        distinct=staged.distinct,
        index_object=index,
        pullable=remote and not obstacles,
        ragged=staged.ragged,
        details=_told(staged) | ({"not_pullable": "; ".join(obstacles)} if obstacles else {}),
    )
