"""Results that nobody could fetch yet and that the provider is about to delete: told in time, once for each.

Such a part goes before all others (see `worker.core.line`). What keeps it back all the same needs a person: it is
counted as drift of the class `uncollected_result`, told in the timeline, and `why` says when the result goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from worker.core.drift.classes import DriftClass
from worker.core.line import urgent_at
from worker.core.part import change
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord


def uncollected_since(part: PartRecord) -> float | None:
    """Since when the provider has a result of the part that is not here, epoch seconds; `None`: there is none.

    Also of a part in quarantine: what it has paid for is deleted all the same.
    """
    if part.state not in {PartState.FINISHED, PartState.QUARANTINED}:
        return None
    return part.remote_finished_at or part.finished_at


def result_ends_at(part: PartRecord, retention_seconds: float | None) -> float | None:
    """When the provider deletes the part's result, epoch seconds; `None`: never, or it is not known."""
    finished_at = part.remote_finished_at or part.finished_at
    return None if retention_seconds is None or finished_at is None else finished_at + retention_seconds


def warned(waiting: Change, now: float, retention_seconds: float | None) -> Change:
    """The change after which a part waits to be collected, with a warning where its result is first seen to go soon."""
    (part,) = waiting.parts
    urgent = urgent_at(part, retention_seconds)
    if part.state is not PartState.FINISHED or part.result_ends_at is not None or urgent is None or now < urgent:
        return waiting
    ends_at = result_ends_at(part, retention_seconds)
    told = change(
        "result_at_risk", part.model_copy(update={"result_ends_at": ends_at}), reason=DriftClass.UNCOLLECTED_RESULT
    )
    return replace(
        told,
        stand=waiting.stand,
        details={"until": ends_at, "waits_for": part.reason, "message": part.message},
        counters={("drift", DriftClass.UNCOLLECTED_RESULT): 1},
    )
