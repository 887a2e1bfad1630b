"""What makes the lines of one upload findable: the ids that its log lines carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord


def ids_of(item: str) -> dict[str, str | int]:
    """The upload, and the part where there is one, that an item's id names: `UPLOAD` or `UPLOAD/PART`."""
    upload_id, _, index = item.partition("/")
    return {"upload_id": upload_id, "part": int(index)} if index else {"upload_id": upload_id}


def of_producer(record: UploadRecord | PartRecord) -> dict[str, str]:
    """The producer's own id for the request that a record comes from, where it gave one."""
    given = record.trace.correlation_id
    return {"correlation_id": given} if given else {}
