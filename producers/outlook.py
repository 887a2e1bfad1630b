"""What happens next to an upload, in a sentence, from where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.contract import UploadState

if TYPE_CHECKING:
    from producers.records import Status


#: Where an upload has ended without a result: what an application can do, and what whoever runs the workers can.
ENDED = (
    "Nothing more happens to it. If the list is still wanted, submit it with `again` (--again) or another upload id; "
    "or an operator has it tried once more: `bulkverify retry {upload_id}`, unless its rows came inside the request."
)

#: What happens next by state; filled in with the numbers of the status.
_OUTLOOKS = {
    UploadState.ACCEPTED: "Next, its file is read and split into parts.",
    UploadState.PREPARING: "Its file is being read ({staged_rows:,} rows so far); next, its parts are sent.",
    UploadState.RUNNING: "{collected} of {parts_total} parts are collected; when all are, the result is written.",
    UploadState.DELIVERING: "All parts are collected; the result is being written.",
    UploadState.ATTENTION: "It needs a person: `bulkverify why {upload_id}` tells what happened and what to do.",
    UploadState.FAILED: ENDED,
    UploadState.CANCELLED: ENDED,
    UploadState.COMPLETED: "Nothing more happens to it.",
}

#: The same where an upload has ended with a result that is not whole: what is in it was paid for.
PARTIAL = (
    "Nothing more happens to it. `bulkverify result {upload_id}` has every row, and `bv_row` says which are missing: "
    "submit those alone if they are still wanted."
)

#: Where only the tombstone is left.
PURGED = (
    "Nothing more happens to it, and the same request is not paid for again: give the list another id to repeat it."
)


def outlook(status: Status) -> str:
    """What happens next, and what a person can do about it where somebody has to."""
    if status.purged:
        return PURGED
    if status.terminal and status.result is not None and status.result.partial:
        return PARTIAL.format(upload_id=status.upload_id)
    words = {str(state): text for state, text in _OUTLOOKS.items()}.get(status.state, "`bulkverify why` tells more.")
    return words.format(
        upload_id=status.upload_id,
        staged_rows=status.staged_rows,
        collected=status.parts.collected,
        parts_total=status.parts_total,
    )
