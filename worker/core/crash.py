"""A step that ended without an outcome: tried again, and stopped when it keeps ending so."""

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
    if record.crashes >= crashes_max:
        return poisoned(record, now, days=days)
    shortest, longest = CRASH_BACKOFF_SECONDS
    due_at = now + backoff_seconds(record.crashes, floor_seconds=shortest, cap_seconds=longest)
    again = record.model_copy(
        update={"lease": None, "due_at": due_at, "reason": "crashed", "message": f"Ended with {error}."}
    )
    details = {"error": error, "crashes": record.crashes, "until": due_at}
    if isinstance(again, PartRecord):
        return parts.change("crashed", again, reason="crashed", details=details)
    return uploads.change("crashed", again, reason="crashed", details=details)


def poisoned(record: UploadRecord | PartRecord, now: float, *, days: float) -> Change:
    """The step has ended without an outcome too often: it is not begun again by itself."""
    message = f"This step ended {record.crashes} times without an outcome; the log tells how."
    if isinstance(record, PartRecord):
        return parts.quarantine(record, now, "poison_part", message)
    if record.state in {UploadState.ACCEPTED, UploadState.PREPARING}:
        return uploads.fail(record, now, "poison_upload", message, days)
    return uploads.stop(record, now, "poison_upload", message)
