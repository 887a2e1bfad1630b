"""What is kept of an ended upload, and from when its time runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.core.records import UploadRecord

#: Seconds in a day.
DAY_SECONDS = 86_400
#: Kinds whose values are secrets: copies of them go as soon as the upload has ended.
SECRET_KINDS = frozenset({"leaked_password"})


def staging_kept_since(upload: UploadRecord) -> float | None:
    """From when the time of the staged files runs, epoch seconds: the upload's end, or 0 for secrets; `None` before."""
    if not upload.terminal:
        return None
    return 0.0 if upload.kind in SECRET_KINDS else (upload.finished_at or upload.updated_at)


def purge_at(upload: UploadRecord, retention_days: float) -> float:
    """When the record of an ended upload may be purged; one that does not say so ended before that was recorded."""
    return upload.retain_until or (upload.finished_at or upload.updated_at) + retention_days * DAY_SECONDS
