"""Uploads that have ended, in whatever number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders.records import a_part, a_result, an_upload, stored
from worker.core.change import Claim
from worker.core.states import PartState, UploadState
from worker.core.upload import change

if TYPE_CHECKING:
    from worker.core.records import UploadRecord
    from worker.store.store import Store

DAY_SECONDS = 86_400.0
#: Days that the records of built uploads are kept.
RETENTION_DAYS = 30.0


def an_ended_upload(
    store: Store, upload_id: str = "list-1", state: UploadState = UploadState.COMPLETED, **fields: object
) -> UploadRecord:
    """Store an upload of two parts that has ended just now, with claims and a timeline; as it stands in the store."""
    now = store.now()
    known: dict[str, object] = {"finished_at": now, "retain_until": now + RETENTION_DAYS * DAY_SECONDS}
    known |= {"parts_total": 2, "result": a_result(200)}
    upload = an_upload(upload_id, state, now=now, **(known | fields))
    parts = [
        a_part(upload_id, index, PartState.COLLECTED, now=now, remote_id=f"{upload_id}-{index}", credits_committed=100)
        for index in range(2)
    ]
    claims = tuple(Claim(part.remote_scope, str(part.remote_id), part.part_id) for part in parts)
    store.commit(change(str(state), upload, parts=tuple(parts), claims=claims))
    return upload.written()


def ended_uploads(store: Store, number: int) -> None:
    """Store that many ended uploads without parts."""
    now = store.now()
    for index in range(number):
        ended: dict[str, object] = {"finished_at": now, "retain_until": now + RETENTION_DAYS * DAY_SECONDS}
        stored(store, an_upload(f"list-{index}", UploadState.COMPLETED, now=now, **ended))


def keys_of(store: Store, upload_id: str) -> list[str]:
    """Every key, and every member of a set, hash or index, that names an upload."""
    client: Any = store.client
    found: list[str] = []
    keys: list[str] = client.keys()
    for key in keys:
        kind = client.type(key)
        members: list[str] = []
        if kind == "zset":
            members = client.zrange(key, 0, -1)
        elif kind == "set":
            members = list(client.smembers(key))
        elif kind == "hash":
            members = [word for pair in client.hgetall(key).items() for word in pair]
        found += [key] if upload_id in key else []
        found += [f"{key}: {member}" for member in members if upload_id in member]
    return sorted(found)
