"""What is left of the uploads that salvage may take up again: their records, and what storage has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.actors.names import staged_input
from worker.actors.stored import PARTS_MAX, Looks, verdicts_of
from worker.core.drift.classes import DriftClass
from worker.core.drift.results import missing_artifact
from worker.core.drift.salvaging import SALVAGES, upload_of
from worker.core.drift.views import StoredCase, UploadCase
from worker.core.states import Lane
from worker.storage import StorageError, exists
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.context import Connected, Context
    from worker.core.drift.findings import Finding
    from worker.core.drift.views import Snapshot

log = structlog.get_logger()


def uploads_left(
    context: Context, connected: Connected, snapshot: Snapshot, findings: Iterable[Finding]
) -> dict[str, UploadCase]:
    """The uploads of these findings that are still known, by id; one whose files cannot be looked at is left out.

    Raises `StoreUnavailable`.
    """
    left: dict[str, UploadCase] = {}
    looks = Looks(context.storage)
    mendable = [finding for finding in findings if finding.drift in SALVAGES]
    lossy = {upload_of(finding) for finding in mendable if finding.drift is DriftClass.MISSING_ARTIFACT}
    for upload_id in dict.fromkeys(map(upload_of, mendable)):
        try:
            case = _case(context, connected, snapshot, upload_id, looks if upload_id in lossy else None)
        except Unreadable as error:
            context.leave(Lane.RECONCILE, upload_id, error)
        except StorageError as error:
            log.warning("storage_not_compared", upload_id=upload_id, error=str(error))
        else:
            left |= {} if case is None else {upload_id: case}
    return left


def _case(
    context: Context, connected: Connected, snapshot: Snapshot, upload_id: str, looks: Looks | None
) -> UploadCase | None:
    upload = context.store.upload(upload_id)
    if upload is None:
        return None
    part_ids = [f"{upload_id}/{index}" for index in range(min(upload.parts_total, PARTS_MAX))]
    parts = () if looks is None else tuple(context.store.parts(part_ids))
    stored = () if looks is None else tuple(verdicts_of(parts, looks))
    without = {kept.subject for kept in stored if missing_artifact(StoredCase(snapshot.occasion, kept)) is not None}
    return UploadCase(
        snapshot.occasion,
        upload,
        connected.service,
        listed=exists(context.storage, staged_input(upload)),
        seen=tuple(case for case in snapshot.parts if case.part.upload_id == upload_id)[:PARTS_MAX],
        parts=parts,
        without=frozenset(without),
    )
