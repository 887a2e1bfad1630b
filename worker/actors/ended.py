"""An upload that has its result, made again from its manifest, so that nobody has it verified once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.attempts import remembered
from worker.actors.kept import kept_collected
from worker.actors.names import manifest_name
from worker.core.rebuild import HOW, collected_again, ended_again, rebuilt_ended
from worker.core.states import PartState
from worker.core.values import Evidence, ResultSummary, SegmentFile
from worker.rows.errors import ManifestUnreadable
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Container
    from datetime import datetime

    from worker.actors.kept import Kept
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.rows.manifest import PartSection, SegmentSection
    from worker.storage import Storage


def ended_upload(storage: Storage, kept: Kept, retention_days: float, disputed: Container[str] = ()) -> Change:
    """The upload and its parts as they ended; a partial result counts as failed, whatever it was that ended it.

    `disputed` are remote ids that other parts have: these keep them. Raises `StorageError`, `Unreadable`.
    """
    name = manifest_name(kept.upload.upload_id)
    try:
        manifest = Manifest.load(storage.read(name, MANIFEST_BYTES_MAX), name)
    except ManifestUnreadable as error:
        raise Unreadable(str(error)) from None
    at = manifest.completed_at.timestamp()
    sections = {section.index: section for section in manifest.parts}
    made = [_part(storage, born, sections.get(born.index), at, disputed) for born in kept.parts]
    return rebuilt_ended(kept.upload, made, _result(storage, manifest), at, retention_days)


def _part(
    storage: Storage, born: PartRecord, section: PartSection | None, at: float, disputed: Container[str]
) -> Change:
    collected = kept_collected(storage, born)
    if collected is not None:
        return collected_again(collected, disputed)
    if section is None:
        return ended_again(born, PartState.CANCELLED, at)
    return ended_again(_told(storage, born, section), _end(section), at, disputed)


def _end(section: PartSection) -> PartState:
    if section.collected_at is not None:
        return PartState.COLLECTED
    return PartState.FAILED if section.remote_id is not None else PartState.CANCELLED


def _told(storage: Storage, born: PartRecord, section: PartSection) -> PartRecord:
    """The part with what the manifest tells; remote ids mean something only at the service of its attempts."""
    attempts = remembered(storage, born.token)
    services = [known.service for known in attempts if known.service]
    evidence: tuple[Evidence, ...] = ()
    if section.remote_id is not None:
        at = _time(section.submitted_at) or born.created_at
        evidence = (Evidence(remote_id=section.remote_id, how=HOW, at=at),)
    return born.model_copy(
        update={
            "attempts": len(attempts),
            "service": services[-1] if services else "",
            "evidence": evidence,
            "remote_id": section.remote_id,
            "method": section.method or "",
            "credits_committed": section.credits,
            "submitted_at": _time(section.submitted_at),
            "remote_finished_at": _time(section.finished_at),
            "finished_at": _time(section.finished_at),
            "collected_at": _time(section.collected_at),
            "rows_returned": section.returned_rows,
            "rows_done": born.rows if section.collected_at else 0,
            "verdicts_object": section.object,
            "verdicts_digest": section.sha256,
            "segments": tuple(_segment(born.index, file) for file in section.segments),
            "reused_from": section.reused_from,
        }
    )


def _segment(part: int, file: SegmentSection) -> SegmentFile:
    return SegmentFile(
        segment=file.segment,
        part=part,
        object=file.object,
        url=file.url,
        size_bytes=file.bytes,
        sha256=file.sha256,
    )


def _result(storage: Storage, manifest: Manifest) -> ResultSummary:
    return ResultSummary(
        manifest=storage.url(manifest_name(manifest.upload_id)),
        object=storage.url(manifest.result.object),
        counts=manifest.counts,
        verdicts=dict(manifest.verdicts),
        partial=manifest.partial,
        credits=manifest.credits,
        not_collected_rows=sum(part.credits for part in manifest.parts if part.collected_at is None),
        reused_values=manifest.reused_values,
        extra_verdicts=manifest.extra_verdicts,
        duplicate_verdicts=manifest.duplicate_verdicts,
        size_bytes=manifest.result.bytes,
        segments=tuple(_segment(part.index, file) for part in manifest.parts for file in part.segments),
    )


def _time(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
