"""How far an upload is, in one word, one fraction and one short sentence: what progress displays show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from producers.contract import TERMINAL_STATES, UploadState

if TYPE_CHECKING:
    from producers.records import Status


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an upload is. `total` is None while nobody knows how much there is to do."""

    word: str
    done: int = 0
    total: int | None = None
    details: str = ""

    @property
    def percent(self) -> int | None:
        """Whole percent done, None while unknown."""
        return None if not self.total else min(100 * self.done // self.total, 100)


#: Before any record exists.
WAITING = Stage("waiting for intake")


def stage_of(status: Status) -> Stage:
    """The stage that a status tells of, measured in distinct values once they are counted."""
    total = status.distinct or None
    match status.state:
        case UploadState.PREPARING:
            return Stage("staging", 0, None, f"{status.staged_rows:,} rows staged")
        case UploadState.RUNNING | UploadState.ATTENTION:
            return Stage(_running_word(status), status.parts.rows_done, total, _parts(status))
        case UploadState.DELIVERING:
            return Stage("delivering", status.distinct, total, _parts(status))
        case UploadState.COMPLETED:
            return Stage("delivered", status.distinct, total, f"{status.rows:,} rows")
        case state if state in TERMINAL_STATES:
            return Stage(state, status.parts.rows_done, total, status.reason)
        case state:
            return Stage(state)


def _running_word(status: Status) -> str:
    if status.state == UploadState.ATTENTION:
        return "needs attention"
    if status.parts.pending + status.parts.intent + status.parts.held:
        return "submitting"
    return "verifying" if status.parts.submitted else "collecting"


def _parts(status: Status) -> str:
    """Parts by how far they are: `3/3 parts submitted, 1 collected`."""
    parts = status.parts
    words = [f"{parts.sent}/{status.parts_total} parts submitted", f"{parts.collected} collected"]
    words += [f"{count} {word}" for word in ("held", "quarantined", "failed") if (count := getattr(parts, word))]
    return ", ".join(words)
