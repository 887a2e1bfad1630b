"""Deliver: look at the whole upload, and when no part can bring anything more, join its verdicts to every row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from config.version import version
from worker.actors.list_staging import plain_input
from worker.actors.names import manifest_name, result_name, sent_values, staged_input
from worker.actors.publishing import publish
from worker.actors.result_rows import with_rows
from worker.actors.row_index import index_again, staged_index
from worker.actors.shell import keeping, step
from worker.core import upload as core
from worker.core.cancel import dropped, rows_not_collected
from worker.core.records import UploadRecord
from worker.core.schedule import backoff_seconds
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import ResultSummary
from worker.providers.port import Kind
from worker.rows.collected import CollectedPart, SentPart
from worker.rows.delivery import Delivered, StagedInput, deliver
from worker.rows.dialect import Dialect
from worker.rows.errors import RowIndexDamaged, RowsError
from worker.rows.manifest import InputSection, Manifest, PartSection, ResultSection, SegmentSection, Versions
from worker.rows.result_form import ResultForm
from worker.rows.result_text import result_delimiter
from worker.storage import StorageError
from worker.storage.copies import local_file
from worker.store.errors import Stale

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from config.settings import Settings
    from worker.actors.shell import Keeper
    from worker.context import Context
    from worker.core.records import PartRecord
    from worker.core.values import SegmentFile

#: Longest wait between two looks at an upload that is cancelled and has parts left, seconds.
CANCELLED_LOOK_SECONDS = 60.0
#: Wait before delivery is tried again when storage or disk refuse (shortest, longest), seconds.
RETRY_SECONDS = (5.0, 300.0)


def run(context: Context, upload_id: str, epoch: int) -> None:
    """Look at the upload; deliver it when its parts are done."""
    step(context, Lane.DELIVER, upload_id, epoch, _settle)


def _look_seconds(upload: UploadRecord, settings: Settings) -> float:
    """When to look again at an upload none of whose parts ends; one that is cancelled may have parts to drop."""
    most = settings.safety_look_seconds
    return min(most, CANCELLED_LOOK_SECONDS) if upload.cancel_requested else most


def _settle(context: Context, upload: UploadRecord) -> None:
    if upload.cancel_requested:
        _drop(context, upload)
    settings = context.settings
    standing = core.Standing(context.store.part_counts(upload.upload_id))
    change = core.settle(
        upload,
        standing,
        context.process,
        context.store.now(),
        lease=settings.work_lease_seconds,
        safety=_look_seconds(upload, settings),
    )
    if change.uploads[0].state is not UploadState.DELIVERING:
        context.apply(change)
        return
    with keeping(context, change, UploadRecord) as keeper:
        # Read under the lease: Redis may have been set back after the parts were counted.
        found = list(context.store.parts_of(upload))
        outcome = _outcome(context, upload, found)
    now = context.store.now()
    if isinstance(outcome, ResultSummary):
        _delivered(context, keeper, found, outcome, now)
    elif outcome is None:
        keeper.conclude(lambda record: core.not_done(record, now, now + _look_seconds(record, settings)))
    else:
        shortest, longest = RETRY_SECONDS
        until = now + backoff_seconds(upload.tries + 1, floor_seconds=shortest, cap_seconds=longest)
        reason, message = outcome.reason, str(outcome)
        keeper.conclude(lambda record: core.later(record, now, reason, message, until))


def _outcome(
    context: Context, upload: UploadRecord, found: Sequence[PartRecord]
) -> ResultSummary | RowsError | StorageError | None:
    """The published result, what kept it from being published, or `None` while a part may still bring something."""
    if len(found) < upload.parts_total or not all(part.terminal for part in found):
        return None
    try:
        with context.workspace.folder() as folder:
            return _deliver(context, upload, found, folder)
    except (RowsError, StorageError) as error:
        return error


def _delivered(
    context: Context, keeper: Keeper[UploadRecord], found: Sequence[PartRecord], summary: ResultSummary, now: float
) -> None:
    failed = sum(part.state is PartState.FAILED for part in found)
    days = context.settings.retention_days
    # Rows may have been asked for meanwhile: then they are put into Redis before the record is written.
    change = keeper.conclude(
        lambda record: core.delivered(record, with_rows(context, record, summary), failed, now, days)
    )
    ended = change.uploads[0]
    context.metrics.stage_finished(
        "upload", provider=ended.provider, account=ended.account, kind=ended.kind, seconds=now - ended.created_at
    )


def _drop(context: Context, upload: UploadRecord) -> None:
    """End the parts that the cancellation ends; one that others write meanwhile is dropped at the next look."""
    for part in context.store.parts_of(upload):
        change = dropped(part, upload, context.store.now())
        if change is None:
            continue
        try:
            context.apply(change)
        except Stale:
            context.metrics.message_stale(Lane.DELIVER, "raced")
        else:
            if part.state is PartState.SUBMITTED:
                context.wake_next(part.account)


def _deliver(context: Context, upload: UploadRecord, found: Sequence[PartRecord], folder: Path) -> ResultSummary:
    plain = plain_input(upload, local_file(context.storage, staged_input(upload), folder), folder, context.limits)
    parts = [_sent(context, part, folder) for part in found]
    staged = StagedInput(
        path=plain.path,
        index=staged_index(context, upload, folder) or index_again(context, upload, found, plain, folder),
        dialect=Dialect.model_validate(upload.dialect),
        kind=Kind(upload.kind),
        sha256=plain.sha256,
    )
    try:
        delivered, manifest = _publish(context, upload, found, staged, parts, folder=folder)
    except RowIndexDamaged:
        # Staging gives the same index each time; if the new one is refused too, something else is wrong.
        staged = replace(staged, index=index_again(context, upload, found, plain, folder))
        delivered, manifest = _publish(context, upload, found, staged, parts, folder=folder)
    summary = ResultSummary(
        manifest=context.storage.url(manifest_name(upload.upload_id)),
        object=context.storage.url(_result_name(upload)),
        counts=delivered.counts,
        verdicts=dict(delivered.verdicts),
        partial=manifest.partial,
        credits=manifest.credits,
        not_collected_rows=rows_not_collected(found),
        reused_values=manifest.reused_values,
        extra_verdicts=manifest.extra_verdicts,
        duplicate_verdicts=manifest.duplicate_verdicts,
        size_bytes=delivered.bytes,
        segments=tuple(file for part in found for file in part.segments),
    )
    return with_rows(context, upload, summary)


def _sent(context: Context, part: PartRecord, folder: Path) -> SentPart:
    """What delivery has to know of a part."""
    if part.state is not PartState.COLLECTED or part.verdicts_object is None:
        return SentPart(part.index, part.rows, None)
    collected = CollectedPart(
        path=local_file(context.storage, part.verdicts_object, folder),
        values=local_file(context.storage, sent_values(part), folder),
        checked_at=_iso(part.remote_finished_at),
    )
    return SentPart(part.index, part.rows, collected)


def _publish(
    context: Context,
    upload: UploadRecord,
    found: Sequence[PartRecord],
    staged: StagedInput,
    parts: Sequence[SentPart],
    *,
    folder: Path,
) -> tuple[Delivered, Manifest]:
    return publish(
        context.storage,
        _result_name(upload),
        manifest_name(upload.upload_id),
        lambda out: deliver(
            staged,
            parts,
            out,
            folder=folder,
            provider=upload.provider,
            limits=context.limits,
            on_progress=lambda _rows: None,
            form=_form(upload),
        ),
        lambda delivered: _manifest(context, upload, found, delivered, result_delimiter(staged.dialect)),
    )


def _form(upload: UploadRecord) -> ResultForm:
    return ResultForm(upload.result_format, upload.spreadsheet_safe)


def _result_name(upload: UploadRecord) -> str:
    return result_name(upload.upload_id, upload.result_format)


def _manifest(
    context: Context, upload: UploadRecord, found: Sequence[PartRecord], delivered: Delivered, delimiter: str
) -> Manifest:
    name = _result_name(upload)
    return Manifest(
        upload_id=upload.upload_id,
        account=upload.account,
        provider=upload.provider,
        kind=upload.kind,
        label=upload.label,
        correlation_id=upload.trace.correlation_id,
        partial=delivered.counts.partial,
        counts=delivered.counts,
        verdicts=dict(delivered.verdicts),
        input=InputSection(
            sha256=upload.content_digest,
            bytes=upload.input_bytes,
            rows=upload.rows,
            ragged=upload.ragged,
            source=",".join(sorted(upload.source)),
        ),
        result=ResultSection(
            object=name,
            url=context.storage.url(name),
            sha256=delivered.sha256,
            bytes=delivered.bytes,
            rows=delivered.counts.rows,
            columns=delivered.columns,
            format=upload.result_format,
            delimiter=delimiter,
            spreadsheet_safe=upload.spreadsheet_safe,
        ),
        parts=tuple(_part_section(part) for part in found),
        credits=sum(part.credits_committed for part in found),
        reused_values=sum(part.rows for part in found if part.reused_from is not None),
        extra_verdicts=delivered.extra_verdicts,
        duplicate_verdicts=delivered.duplicate_verdicts,
        created_at=_time(upload.created_at),
        completed_at=_time(context.store.now()),
        versions=Versions(bulkverify=version()),
    )


def _part_section(part: PartRecord) -> PartSection:
    return PartSection(
        index=part.index,
        remote_id=part.remote_id,
        method=part.method or None if part.submitted_at else None,
        rows=part.rows,
        returned_rows=part.rows_returned,
        object=part.verdicts_object,
        sha256=part.verdicts_digest,
        submitted_at=part.submitted_at and _time(part.submitted_at),
        finished_at=part.remote_finished_at and _time(part.remote_finished_at),
        collected_at=part.collected_at and _time(part.collected_at),
        credits=part.credits_committed,
        reused_from=part.reused_from,
        segments=tuple(_segment_section(file) for file in part.segments),
    )


def _segment_section(file: SegmentFile) -> SegmentSection:
    return SegmentSection(
        segment=file.segment,
        empty=file.empty,
        object=file.object,
        url=file.url,
        sha256=file.sha256,
        bytes=file.size_bytes,
    )


def _time(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)


def _iso(epoch_seconds: float | None) -> str:
    return "" if epoch_seconds is None else _time(epoch_seconds).isoformat(timespec="seconds")
