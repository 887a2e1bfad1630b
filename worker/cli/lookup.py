"""Finding the upload that an operator names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from worker.cli.errors import UnknownUpload, UploadPurged
from worker.core.tombstone import Tombstone

if TYPE_CHECKING:
    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Uploads among which a mistyped id is looked for: those that changed last.
NEAREST_AMONG_UPLOADS = 1_000
#: Ids that are suggested.
NEAREST_IDS = 3


def found_upload(store: Store, upload_id: str) -> UploadRecord:
    """The upload; raises `UploadPurged`, or `UnknownUpload`, which names the ids that begin alike or look alike."""
    upload = store.found(upload_id)
    if isinstance(upload, Tombstone):
        raise UploadPurged(upload_id, upload)
    if upload is None:
        known = store.upload_ids(most=NEAREST_AMONG_UPLOADS)
        alike = [known_id for known_id in known if known_id.startswith(upload_id)]
        nearest = dict.fromkeys([*alike, *get_close_matches(upload_id, known, n=NEAREST_IDS)])
        raise UnknownUpload(upload_id, list(nearest)[:NEAREST_IDS])
    return upload
