"""Builders of records: what a test does not say has a value that is right and does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core import upload as uploads
from worker.core.records import PartRecord, UploadRecord
from worker.core.rows import RowCounts
from worker.core.states import PART_LANES, UPLOAD_LANES, PartState, UploadState
from worker.core.values import Attempt, ResultSummary

if TYPE_CHECKING:
    from worker.store.store import Store

#: The time at which built records were made, epoch seconds, unless the test says otherwise.
NOW = 1_800_000_000.0


def an_upload(
    upload_id: str = "list-1", state: UploadState = UploadState.ACCEPTED, *, now: float = NOW, **fields: object
) -> UploadRecord:
    """An upload of emails, made at `now` and due at once in its state's lane, where its state has one."""
    lane = UPLOAD_LANES.get(state)
    known: dict[str, object] = {
        "upload_id": upload_id,
        "account": "ipqs-main",
        "provider": "ipqs",
        "kind": "email",
        "state": state,
        "source": {"path": "/srv/lists/list.csv"},
        "request_digest": "r" * 64,
        "content_digest": "c" * 64,
        "since": now,
        "created_at": now,
        "updated_at": now,
        "lane": lane,
        "due_at": None if lane is None else now,
    }
    return UploadRecord.model_validate(known | fields)


def a_part(
    upload_id: str = "list-1",
    index: int = 0,
    state: PartState = PartState.PENDING,
    *,
    now: float = NOW,
    **fields: object,
) -> PartRecord:
    """A part of 100 values, made at `now` and due at once in its state's lane, where its state has one."""
    lane = PART_LANES.get(state)
    known: dict[str, object] = {
        "upload_id": upload_id,
        "index": index,
        "account": "ipqs-main",
        "provider": "ipqs",
        "kind": "email",
        "state": state,
        "rows": 100,
        "digest": "d" * 64,
        "values_object": f"uploads/{upload_id}/parts/{index:05d}/values.csv",
        "token": "bv-abcdefghijklmnop",
        "since": now,
        "created_at": now,
        "updated_at": now,
        "lane": lane,
        "due_at": None if lane is None else now,
    }
    return PartRecord.model_validate(known | fields)


def an_attempt(number: int = 1, at: float = NOW) -> Attempt:
    """An attempt whose deadline and lease have passed a quarter of an hour later."""
    return Attempt(number=number, object=f"attempts/bv-abcdefghijklmnop/{number}.json", at=at, over_at=at + 900.0)


def a_result(rows: int = 100, missing: int = 0) -> ResultSummary:
    """A result in which every value but the missing ones has a verdict."""
    counts = RowCounts(rows=rows, matched=rows - missing, folded=0, empty=0, withheld=0, missing=missing)
    return ResultSummary(
        manifest="file:///srv/storage/results/list-1/manifest.json",
        object="file:///srv/storage/results/list-1/result.csv",
        counts=counts,
        verdicts={"ok": rows - missing},
        partial=counts.partial,
        credits=rows,
    )


def stored(
    store: Store, upload: UploadRecord, *parts: PartRecord, decision: str = "prepared", **details: object
) -> None:
    """Put records into the store as they are, in one write with one entry in the timeline."""
    store.commit(uploads.change(decision, upload, parts=parts, details=details))


def a_running_upload(store: Store, upload_id: str = "list-1") -> UploadRecord:
    """Store an upload of four parts: one collected, one to be looked at in 90 s, one unsent, one in quarantine."""
    now = store.now()
    upload = an_upload(
        upload_id, UploadState.ATTENTION, now=now, parts_total=4, rows=420, distinct=400, folded=20, label="news"
    )
    stored(
        store,
        upload,
        a_part(upload_id, 0, PartState.COLLECTED, now=now, rows_done=100, credits_committed=100, remote_id="70"),
        a_part(upload_id, 1, PartState.SUBMITTED, now=now, rows_done=50, remote_id="77", due_at=now + 90),
        a_part(upload_id, 2, PartState.PENDING, now=now),
        a_part(
            upload_id,
            3,
            PartState.QUARANTINED,
            now=now,
            attempt=an_attempt(at=now),
            credits_reserved=100,
            reason="unresolved_attempt",
            message="No answer came.",
        ),
        rows=420,
    )
    return upload
