"""What storage keeps of an upload so that its records can be made again when Redis has lost them.

`records/<upload_id>/upload.json` is created when the list is split, before anything of it can be sent: the upload, and
its parts as they were born. The first word stands, so that an id is never split in two ways: each way would be paid.
`uploads/<upload_id>/parts/<n>/collected.json` lies beside the verdicts of a part and tells what they are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from worker.actors.names import RECORDS_FOLDER, STAGING_FOLDER
from worker.core.errors import LaterSchema
from worker.core.records import PartRecord, Record, UploadRecord
from worker.core.schema import SCHEMA_VERSION, upgraded
from worker.storage import NotFound, StorageError, exists
from worker.store.errors import Later, Unreadable
from worker.store.reading import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.storage import Storage

log = structlog.get_logger()

R = TypeVar("R", bound=Record)

#: Most bytes of what is kept of an upload: some 400 for each part, of which there are at most 100,000 and a few.
KEPT_BYTES_MAX = 64 * 1024 * 1024
#: Most bytes of what is kept of a collected part.
COLLECTED_BYTES_MAX = 256 * 1024
#: What a record is in the store alone, and is not when it is made again.
_UNWRITTEN: dict[str, object] = {"version": 0, "txn": "", "lease": None, "epoch": 0, "crashes": 0, "tries": 0}


@dataclass(frozen=True, slots=True)
class Kept:
    """An upload as it was when its list had been split, and its parts as they were born."""

    upload: UploadRecord
    parts: tuple[PartRecord, ...]

    def splits_as(self, parts: Sequence[PartRecord]) -> bool:
        """Whether these are the same parts, by what is sent for each."""
        return [part.token for part in self.parts] == [part.token for part in parts]


def kept_folder(upload_id: str) -> str:
    """Where lies what is kept of an upload for as long as its attempts are."""
    return f"{RECORDS_FOLDER}/{upload_id}"


def kept_name(upload_id: str) -> str:
    """The storage name of what is kept of an upload."""
    return f"{kept_folder(upload_id)}/upload.json"


def collected_name(upload_id: str, index: int) -> str:
    """The storage name of what is kept of a collected part."""
    return f"{STAGING_FOLDER}/{upload_id}/parts/{index:05d}/collected.json"


def keep_upload(storage: Storage, kept: Kept) -> bool:
    """Keep an upload, durably; False when something is kept under its id already. Raises `StorageError`."""
    text = {
        "schema_version": SCHEMA_VERSION,
        "upload": _fields(kept.upload),
        "parts": [_fields(part) for part in kept.parts],
    }
    return storage.create(kept_name(kept.upload.upload_id), json.dumps(text).encode())


def kept_upload(storage: Storage, upload_id: str) -> Kept | None:
    """What is kept of an upload, `None` where that is nothing. Raises `StorageError`, `Unreadable`, `Later`."""
    name = kept_name(upload_id)
    try:
        text = upgraded("kept", json.loads(storage.read(name, KEPT_BYTES_MAX)))
        upload, parts = text["upload"], list(text["parts"])
    except NotFound:
        return None
    except LaterSchema as later:
        raise Later(f"{name}: {later}") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable(f"{name} is damaged. Restore it from a backup.") from None
    return Kept(_record(UploadRecord, upload, name), tuple(_record(PartRecord, part, name) for part in parts))


def keep_collected(storage: Storage, part: PartRecord) -> None:
    """Keep what the verdicts of a part are that the store knows to be collected: what storage refuses is logged.

    Without it the verdicts are fetched once more when Redis is lost.
    """
    try:
        with storage.write(collected_name(part.upload_id, part.index)) as out:
            out.write(json.dumps(_fields(part)).encode())
    except StorageError as error:
        log.warning("collected_not_kept", upload_id=part.upload_id, part=part.index, error=str(error))


def kept_collected(storage: Storage, born: PartRecord) -> PartRecord | None:
    """A part as it was collected, `None` unless storage has that and its verdicts.

    Raises `StorageError`, `Unreadable`, `Later`.
    """
    name = collected_name(born.upload_id, born.index)
    try:
        text = json.loads(storage.read(name, COLLECTED_BYTES_MAX))
    except NotFound:
        return None
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is damaged. Remove it: the part is then collected once more.") from None
    part = _record(PartRecord, text, name)
    is_own = part.token == born.token and part.verdicts_object is not None
    return part if is_own and exists(storage, part.verdicts_object or "") else None


def _fields(record: Record) -> dict[str, Any]:
    unwritten = record.model_copy(update=_UNWRITTEN)
    return unwritten.model_dump(mode="json", exclude_defaults=True) | {"schema_version": record.schema_version}


def _record(shape: type[R], fields: object, name: str) -> R:
    try:
        found = read_record(shape, json.dumps(fields))
    except Unreadable as error:
        # Of the same class: that of a later version is left to a newer program.
        raise type(error)(f"{name}: {error}") from None
    if found is None:
        raise Unreadable(f"{name} is damaged. Restore it from a backup.")
    return found
