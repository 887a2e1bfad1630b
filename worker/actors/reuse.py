"""Reuse: a part is given the verdicts of another one, where its upload's request allows it, and is not submitted."""

from __future__ import annotations

import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.actors.attempts import attempt_name
from worker.actors.kept import keep_collected
from worker.actors.names import segment_name, verdicts_name
from worker.actors.shell import keeping, lease
from worker.core import reuse as core
from worker.core.blocked import blocked
from worker.core.part import hold
from worker.core.records import PartRecord
from worker.rows.digest import MeasuredOutput
from worker.storage import NotFound, StorageError, exists
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.context import Context
    from worker.core.records import UploadRecord
    from worker.core.values import SegmentFile
    from worker.storage import Storage
    from worker.store.store import Store

log = structlog.get_logger()

#: Bytes copied at once.
COPY_BYTES = 1024 * 1024


class Copied(NamedTuple):
    """What a part has of its own now."""

    verdicts_object: str
    segments: tuple[SegmentFile, ...]


class _Damaged(Exception):
    """An object is not the one that was recorded."""


def offered(store: Store, upload: UploadRecord, key: str, now: float) -> PartRecord | None:
    """The part whose verdicts a part of `upload` with this key may take over, if they are there; `None` for no such.

    Known limitation: of several only the newest is looked at, though one of the others may have more segments.
    """
    part_id = store.reuse_offer(upload.account, key) if key else None
    try:
        source = store.part(part_id) if part_id else None
    except Unreadable:
        # A newer program's record: its verdicts are for newer programs, and the part is paid for.
        return None
    return source if source is not None and core.fits(source, upload, key, now) else None


def is_there(storage: Storage, source: PartRecord, upload: UploadRecord) -> bool:
    """Whether storage still has everything that is wanted of `source`. Raises `StorageError`."""
    segments = (file.object for file in _wanted(source, upload))
    return all(exists(storage, name) for name in (source.verdicts_object, *segments) if name is not None)


def has_taken_over(context: Context, part: PartRecord) -> bool:
    """Whether the part is not to be submitted now: it has its verdicts, or waits for a storage that refuses."""
    upload = context.store.upload(part.upload_id) if core.is_untouched(part) else None
    connected = context.accounts.get(part.account)
    if upload is None or connected is None or not core.is_wanted(upload):
        return False
    now = context.store.now()
    key = connected.reuse_key(part.kind, part.rows, part.digest)
    source = offered(context.store, upload, key, now)
    if source is None:
        return False
    try:
        # An attempt that the store has forgotten may have been paid: its job is looked for, whatever others have.
        begun = exists(context.storage, attempt_name(part.token, part.attempts + 1))
        found = not begun and is_there(context.storage, source, upload)
    except StorageError as error:
        log.warning("reuse_waits", error=str(error))
        context.apply(blocked(part, now, error.reason))
        return True
    if found:
        _take_over(context, part, upload, source)
    return found


def _take_over(context: Context, part: PartRecord, upload: UploadRecord, source: PartRecord) -> None:
    copied: Copied | None = None
    reason, missing = core.LOST, False
    with keeping(context, lease(context, part), PartRecord) as keeper:
        try:
            copied = _copied(context.storage, part, upload, source)
        except (NotFound, _Damaged) as error:
            log.warning("reuse_lost", source=source.part_id, error=str(error), remedy="the part is submitted")
        except StorageError as error:
            log.warning("reuse_waits", error=str(error))
            reason, missing = error.reason, True
    now = context.store.now()
    if copied is None:
        keeper.conclude(lambda record: blocked(record, now, reason) if missing else hold(record, now, reason, now))
        return
    objects = copied
    taken = keeper.conclude(
        lambda record: core.reuse(
            record, source, now, verdicts_object=objects.verdicts_object, segments=objects.segments
        )
    )
    keep_collected(context.storage, taken.parts[0])
    context.nudge(part.upload_id)


def _copied(storage: Storage, part: PartRecord, upload: UploadRecord, source: PartRecord) -> Copied:
    """Objects of the part's own, equal to those of `source`. Raises `StorageError`, `_Damaged`."""
    segments = tuple(_copied_segment(storage, part, file) for file in _wanted(source, upload))
    name = verdicts_name(part.upload_id, part.index)
    _copy(storage, source.verdicts_object or "", name, source.verdicts_digest)
    return Copied(name, segments)


def _copied_segment(storage: Storage, part: PartRecord, file: SegmentFile) -> SegmentFile:
    own = file.model_copy(update={"part": part.index})
    if file.object is None:
        return own
    name = segment_name(part.upload_id, part.index, file.segment, PurePosixPath(file.object).suffix)
    _copy(storage, file.object, name, file.sha256)
    return own.model_copy(update={"object": name, "url": storage.url(name)})


def _copy(storage: Storage, name: str, target: str, sha256: str | None) -> None:
    """Copy an object, which has to be the one of this digest: else nothing is published."""
    with storage.open(name) as source, storage.write(target) as out:
        measured = MeasuredOutput(out)
        shutil.copyfileobj(source, measured, COPY_BYTES)
        if measured.sha256 != sha256:
            raise _Damaged(f"{name} is not the object that was recorded (another SHA-256)")


def _wanted(source: PartRecord, upload: UploadRecord) -> Iterator[SegmentFile]:
    return (file for file in source.segments if file.segment in upload.segments)
