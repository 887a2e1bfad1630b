"""Whether what was collected and delivered is in storage as it was written: a few uploads in each sweep, by turns."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.actors.names import manifest_name
from worker.core.drift.classes import Basis
from worker.core.drift.views import StoredObject
from worker.core.states import UPLOAD_TERMINAL, Lane, PartState, UploadState
from worker.rows.errors import ManifestUnreadable
from worker.rows.manifest import MANIFEST_BYTES_MAX, Manifest
from worker.storage import NotFound, StorageError
from worker.store.errors import Unreadable
from worker.store.rotation import next_uploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.context import Connected, Context
    from worker.core.drift.findings import Finding
    from worker.core.records import PartRecord, UploadRecord
    from worker.storage import Storage

log = structlog.get_logger()

#: Uploads of an account whose objects one sweep looks at, besides those of open findings.
UPLOADS_MAX = 10
#: Parts of an upload whose verdicts one sweep looks at, while they are needed.
PARTS_MAX = 100
#: Bytes of objects whose digests one sweep makes; of the others it is only seen that they are there.
DIGEST_BYTES_MAX = 64 * 1024 * 1024
#: Bytes that are read at once.
READ_BYTES = 1024 * 1024
#: States of an upload that still needs the verdicts of its parts.
NEEDING = frozenset({UploadState.RUNNING, UploadState.ATTENTION, UploadState.DELIVERING})


class Turn(NamedTuple):
    """What one sweep has looked at."""

    stored: tuple[StoredObject, ...]
    #: Where the next one goes on.
    cursor: float


def look_at_stored(context: Context, connected: Connected, findings: Iterable[Finding]) -> Turn:
    """Look at the next uploads' objects, and at those of open findings. What storage refuses is not told of."""
    name = connected.account.name
    upload_ids, cursor = next_uploads(context.store, name, (*NEEDING, *UPLOAD_TERMINAL), UPLOADS_MAX)
    subjects = [finding.subject for finding in findings if finding.rule.basis is Basis.STORAGE]
    again = [subject.partition("/")[0] for subject in subjects]
    looks = Looks(context.storage)
    found: list[StoredObject] = []
    for upload_id in dict.fromkeys([*again, *upload_ids]):
        try:
            objects = _of_upload(context, upload_id, looks)
        except Unreadable as error:
            context.leave(Lane.RECONCILE, upload_id, error)
        except (StorageError, ManifestUnreadable) as error:
            log.warning("storage_not_compared", upload_id=upload_id, error=str(error))
        else:
            if objects is None:
                continue
            found += objects
            told = {kept.subject for kept in found}
            mine = [subject for subject in subjects if subject.partition("/")[0] == upload_id]
            # Nothing should be there any more: what was found before is over.
            found += [StoredObject(subject, "", found=True) for subject in mine if subject not in told]
    return Turn(tuple(found), cursor)


def _of_upload(context: Context, upload_id: str, looks: Looks) -> list[StoredObject] | None:
    """The upload's objects, `None` where nothing can be told of them: somebody is at them."""
    before = context.store.upload(upload_id)
    if before is None:
        return []
    if before.state is UploadState.DELIVERING and before.result is not None:
        # Its result is being replaced.
        return None
    found = list(_objects(context, before, looks))
    after = context.store.upload(upload_id)
    # Its objects may have been removed because its state changed meanwhile.
    return found if after is not None and after.state is before.state else None


def _objects(context: Context, upload: UploadRecord, looks: Looks) -> Iterator[StoredObject]:
    if upload.result is not None:
        yield from _result(upload, looks)
    if upload.state in NEEDING:
        part_ids = [f"{upload.upload_id}/{index}" for index in range(min(upload.parts_total, PARTS_MAX))]
        yield from verdicts_of(context.store.parts(part_ids), looks)


def verdicts_of(parts: Iterable[PartRecord], looks: Looks) -> Iterator[StoredObject]:
    """The verdicts of those parts that have been collected. Raises `StorageError`."""
    for part in parts:
        if part.state is PartState.COLLECTED and part.verdicts_object is not None:
            yield looks.look(part.part_id, part.verdicts_object, part.verdicts_digest)


def _result(upload: UploadRecord, looks: Looks) -> Iterator[StoredObject]:
    """The manifest, and the result that it names."""
    name = manifest_name(upload.upload_id)
    manifest = looks.manifest(name)
    yield StoredObject(upload.upload_id, name, found=manifest is not None)
    if manifest is not None:
        yield looks.look(upload.upload_id, manifest.result.object, manifest.result.sha256)


class Looks:
    """Reads objects, within the bytes of one sweep. Every method raises `StorageError`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._left_bytes = DIGEST_BYTES_MAX

    def manifest(self, name: str) -> Manifest | None:
        """A manifest, `None` when it is not there. Raises `ManifestUnreadable`."""
        try:
            return Manifest.load(self._storage.read(name, MANIFEST_BYTES_MAX), name)
        except NotFound:
            return None

    def look(self, subject: str, name: str, recorded_sha256: str | None) -> StoredObject:
        """An object, with its digest where that is not too much."""
        try:
            size_bytes = self._storage.size(name)
            sha256 = self._digest(name) if size_bytes <= self._left_bytes else None
        except NotFound:
            return StoredObject(subject, name, found=False, recorded_sha256=recorded_sha256)
        return StoredObject(subject, name, found=True, sha256=sha256, recorded_sha256=recorded_sha256)

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._storage.open(name) as source:
            while data := source.read(READ_BYTES):
                digest.update(data)
                self._left_bytes -= len(data)
        return digest.hexdigest()
