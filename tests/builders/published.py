"""What must be true of a published result: its manifest exists, tells of every row, and has the objects' digests."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

from worker.actors.names import manifest_name
from worker.core.states import UploadState
from worker.rows.errors import ManifestUnreadable
from worker.rows.manifest import Manifest
from worker.rows.result_check import check_manifest, check_result
from worker.storage import StorageError, exists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.core.records import UploadRecord
    from worker.storage import Storage

#: Most bytes of an object that is read whole here.
OBJECT_BYTES_MAX = 64 * 1024 * 1024


def broken_result(upload: UploadRecord, storage: Storage) -> Iterator[str]:
    """One sentence for each thing that is wrong with the result of an upload that says it has one."""
    if upload.result is None:
        if upload.state is UploadState.COMPLETED:
            yield f"{upload.upload_id} is completed and has no result"
        return
    name = manifest_name(upload.upload_id)
    try:
        manifest = Manifest.load(storage.read(name, OBJECT_BYTES_MAX), name)
        result = storage.read(manifest.result.object, OBJECT_BYTES_MAX)
    except (StorageError, ManifestUnreadable) as error:
        yield f"{upload.upload_id} has a result that cannot be read: {error}"
        return
    yield from _broken_counts(upload, manifest, result)
    yield from _broken_digests(upload, manifest, storage)


def _broken_counts(upload: UploadRecord, manifest: Manifest, result: bytes) -> Iterator[str]:
    counts = manifest.counts
    rows = sum(1 for _ in csv.reader(io.StringIO(result.decode(), newline=""))) - 1
    if not counts.conserved or {counts.rows, manifest.result.rows, rows} != {upload.rows}:
        yield f"{upload.upload_id} has {upload.rows} rows, its result {rows}, and its manifest tells {counts}"
    if upload.result is not None and upload.result.counts != counts:
        yield f"{upload.upload_id} tells {upload.result.counts}, and its manifest {counts}"
    if upload.state is UploadState.COMPLETED and counts.missing:
        yield f"{upload.upload_id} is completed, and {counts.missing} of its rows have no verdict"


def _broken_digests(upload: UploadRecord, manifest: Manifest, storage: Storage) -> Iterator[str]:
    parts = manifest.parts
    kept = [(manifest.result.object, manifest.result.sha256)]
    kept += [(file.object, file.sha256) for part in parts for file in part.segments if file.object and file.sha256]
    # Verdicts are staged, and may be removed some time after the upload's end.
    kept += [
        (part.object, part.sha256) for part in parts if part.object and part.sha256 and exists(storage, part.object)
    ]
    for name, sha256 in kept:
        try:
            found = hashlib.sha256(storage.read(name, OBJECT_BYTES_MAX)).hexdigest()
        except StorageError as error:
            yield f"{upload.upload_id} has an object that cannot be read: {error}"
            continue
        if found != sha256:
            yield f"{upload.upload_id} has {name} with another digest than its manifest tells"


def unfit_results(storage: Storage) -> Iterator[str]:
    """One sentence for each manifest in storage that does not fit the result it names, at whatever moment.

    A result without a manifest is none yet, or none any more.
    """
    for name in storage.list("results"):
        if not name.endswith("/manifest.json"):
            continue
        try:
            manifest = Manifest.load(storage.read(name, OBJECT_BYTES_MAX), name)
            with storage.open(manifest.result.object) as result:
                findings = check_result(result, manifest, lambda _bytes: None).findings
        except (StorageError, ManifestUnreadable) as error:
            yield f"{name} is there, and its result cannot be read: {error}"
            continue
        yield from (f"{name}: {finding.message}" for finding in (*check_manifest(manifest), *findings))
