"""A step that ended without an outcome: tried again, and stopped when it keeps ending so; or only put off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.records import PartRecord
from worker.core.schedule import backoff_seconds
from worker.core.states import UploadState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import UploadRecord

#: Wait before a crashed step is tried again (shortest, longest), seconds.
CRASH_BACKOFF_SECONDS = (2.0, 300.0)


def crashed(record: UploadRecord | PartRecord, now: float, error: str, *, crashes_max: int, days: float) -> Change:
    """The step failed in a way nobody foresaw; `error` names it without its text."""
    # A lease has counted itself; a step that fails before it takes one must come to an end too.
    crashes = record.crashes if record.lease is not None else record.crashes + 1
    if crashes >= crashes_max:
        return poisoned(record.model_copy(update={"crashes": crashes}), now, days=days)
    shortest, longest = CRASH_BACKOFF_SECONDS
    due_at = now + backoff_seconds(crashes, floor_seconds=shortest, cap_seconds=longest)
    crash = {"crashes": crashes, "reason": "crashed", "message": f"Ended with {error}."}
    again = record.model_copy(update={"lease": None, "due_at": due_at, "updated_at": now, **crash})
    details = {"error": error, "crashes": crashes, "until": due_at}
    if isinstance(again, PartRecord):
        return parts.change("crashed", again, reason="crashed", details=details)
    return uploads.change("crashed", again, reason="crashed", details=details)


def put_off(record: UploadRecord | PartRecord, owner: str, now: float, reason: str, message: str) -> Change:
    """The step needs something that this process cannot read: it ends as if it had not begun, for a newer process."""
    ours = record.lease is not None and record.lease.owner == owner
    shortest, longest = CRASH_BACKOFF_SECONDS
    due_at = now + backoff_seconds(record.tries + 1, floor_seconds=shortest, cap_seconds=longest)
    new = record.reason != reason
    again = record.model_copy(
        update={
            "lease": None,
            "due_at": due_at,
            "updated_at": now,
            "crashes": record.crashes - ours,
            "tries": record.tries + 1,
            "reason": reason,
            "message": message,
        }
    )
    details = {"message": message, "until": due_at} if new else None
    if isinstance(again, PartRecord):
        return parts.change("put_off", again, reason=reason, details=details)
    return uploads.change("put_off", again, reason=reason, details=details)


def poisoned(record: UploadRecord | PartRecord, now: float, *, days: float) -> Change:
    """The step has ended without an outcome too often: it is not begun again by itself."""
    message = f"This step ended {record.crashes} times without an outcome; the log tells how."
    if isinstance(record, PartRecord):
        return parts.quarantine(record, now, "poison_part", message, unsent=record.attempt is None)
    if record.state in {UploadState.ACCEPTED, UploadState.PREPARING}:
        return uploads.fail(record, now, "poison_upload", message, days)
    return uploads.stop(record, now, "poison_upload", message)
