"""How far an upload has come, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from producers.contract import UploadState
from worker.cli.wording import share

if TYPE_CHECKING:
    from producers.records import Status


def progress(status: Status) -> str:
    """`12,000 rows read`, `40 %, 1 of 3 parts`, `done`, or `-` when nothing was begun."""
    if status.state == UploadState.COMPLETED:
        return "done"
    if status.state == UploadState.PREPARING:
        return f"{status.staged_rows:,} rows read"
    if not status.parts_total:
        return "-"
    return f"{share(status.parts.rows_done, status.distinct)}, {status.parts.collected} of {status.parts_total} parts"
