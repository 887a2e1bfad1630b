"""Finding the upload that an operator names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from worker.cli.bulk import not_found
from worker.cli.errors import UnknownUpload, UploadPurged
from worker.cli.purged import print_purged
from worker.cli.tables import print_json
from worker.core.tombstone import Tombstone

if TYPE_CHECKING:
    from worker.cli.door import Door
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


def upload_to_tell(door: Door, upload_id: str, *, as_json: bool) -> UploadRecord | None:
    """The upload that a command tells of; `None` for a purged one, when what is left of it has been printed.

    Raises `UnknownUpload`, which programs have been told as a document, and `Unreadable`.
    """
    try:
        return found_upload(door.store(), upload_id)
    except UploadPurged as purged:
        print_purged(purged, door.settings().storage_url, as_json=as_json)
        return None
    except UnknownUpload as unknown:
        if as_json:
            print_json(not_found(upload_id, unknown).as_document())
        raise
