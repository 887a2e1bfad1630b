"""What the cancellation of an upload means for each of its parts: what was not paid is dropped, what was is collected.

Unless that is not wanted either: then a part that is paid for ends without its verdicts. Its credits stay committed and
its remote id stays its own, so that nothing is paid for or adopted in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core.states import PART_TERMINAL, PART_UNSPENT, PartState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.core.change import Change
    from worker.core.records import PartRecord, UploadRecord

#: Why a part has ended that is paid for and whose verdicts nobody wanted any more.
NOT_COLLECTED = "not_collected"


def dropped(part: PartRecord, upload: UploadRecord, now: float) -> Change | None:
    """How a cancellation ends the part; `None` when it was not requested, or the part is not to be dropped now."""
    if not upload.cancel_requested or part.leased_now(now):
        return None
    if part.state in PART_UNSPENT:
        return parts.cancel(part, now)
    return not_collected(part, now) if upload.no_collect and is_surely_paid(part) else None


def is_surely_paid(part: PartRecord) -> bool:
    """Whether the part has a remote job that is certainly its own, and waits for its result or for a person.

    An attempt of unknown outcome is no such job: it has to be resolved first. Neither is a job that was found by its
    time alone: its result tells whose it is.
    """
    resolved = part.attempt is None and part.remote_id is not None and not part.provisional
    return resolved and part.state not in PART_TERMINAL | PART_UNSPENT


def not_collected(part: PartRecord, now: float) -> Change:
    """The part ends paid for and without its verdicts.

    Known limitation: its job goes on at the provider, where it may still count towards the account's limits.
    """
    message = f"{part.rows:,} rows were paid for; their verdicts were not wanted any more."
    ended = part.moved(PartState.CANCELLED, now, reason=NOT_COLLECTED, message=message)
    details = {"remote_id": part.remote_id, "rows": part.rows}
    return parts.change("not_collected", ended, reason=NOT_COLLECTED, details=details)


def rows_not_collected(found: Iterable[PartRecord]) -> int:
    """Rows that were paid for and whose verdicts were not fetched, because nobody wanted them any more."""
    return sum(part.credits_committed for part in found if part.reason == NOT_COLLECTED)
