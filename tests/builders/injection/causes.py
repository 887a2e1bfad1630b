"""Every cause of drift by its name: what it causes, and on which parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.builders.injection import existence, money, results, statuses
from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.builders.injection.world import World
    from worker.core.records import PartRecord

#: Parts of a list that any list has fewer of.
ANY_PARTS = 99


@dataclass(frozen=True, slots=True)
class Cause:
    """One way in which drift comes about. `act` is a generator that yields while it waits, and ends when it is over."""

    #: Classes of drift that must be found of it; none where it is made good before anything differs.
    drift: tuple[DriftClass, ...]
    act: Callable[[World], Iterator[None]]


def _of_part(
    act: Callable[[World, PartRecord], Iterator[None]], provider: str | None = None, parts_max: int = ANY_PARTS
) -> Callable[[World], Iterator[None]]:
    """Act on a part whose job was caught at work and is held: of that provider, of an upload with so few parts."""

    def caught(world: World) -> Iterator[None]:
        part = None
        while (part := world.catch(provider, parts_max)) is None:
            yield
        yield from act(world, part)

    return caught


_C = DriftClass

CAUSES: dict[str, Cause] = {
    "answer_lost": Cause((_C.UNRESOLVED_ATTEMPT,), existence.unresolved_attempt),
    "records_lost": Cause((_C.ORPHAN_REMOTE,), _of_part(existence.orphan_remote, "ipqs", parts_max=1)),
    "strangers": Cause((_C.FOREIGN_REMOTE,), existence.foreign_remote),
    "job_hidden": Cause((_C.MISSING_REMOTE,), _of_part(existence.missing_remote)),
    "job_hidden_for_long": Cause((_C.MISSING_REMOTE, _C.STALE_LOCAL), _of_part(existence.reappearing_remote)),
    "job_copied": Cause((_C.DUPLICATE_REMOTE,), _of_part(existence.duplicate_remote, "ipqs")),
    "lists_joined": Cause((_C.IDENTITY_COLLISION,), _of_part(existence.identity_collision, "whoisxml", parts_max=1)),
    "rows_miscounted": Cause((_C.SIZE_MISMATCH,), _of_part(existence.size_mismatch, "whoisxml")),
    "timer_lost": Cause((), _of_part(statuses.timer_lost)),
    "job_goes_back": Cause((_C.STATUS_REGRESSION,), _of_part(statuses.status_regression)),
    "new_word": Cause((_C.UNKNOWN_STATUS,), _of_part(statuses.unknown_status, "ipqs")),
    "job_given_up": Cause(
        (_C.REMOTE_ABORTED, _C.TERMINAL_DISAGREEMENT), _of_part(statuses.remote_aborted, "ipqs", parts_max=1)
    ),
    "job_stalls": Cause((_C.STALLED_REMOTE,), _of_part(statuses.stalled_remote)),
    "result_empty": Cause((_C.HOLLOW_SUCCESS,), _of_part(results.hollow_success, "ipqs")),
    "rows_missing": Cause((_C.ROW_MISMATCH,), _of_part(results.row_mismatch)),
    "result_out_of_reach": Cause((_C.UNCOLLECTED_RESULT,), _of_part(results.uncollected_result)),
    "result_kept_too_long": Cause((_C.RESULT_EXPIRED,), _of_part(results.result_expired, "whoisxml", parts_max=1)),
    "object_lost": Cause((_C.MISSING_ARTIFACT,), results.missing_artifact),
    "foreign_charge": Cause((_C.LEDGER_DRIFT,), money.ledger_drift),
    "credits_held": Cause((_C.RESERVATION_LEAK,), money.reservation_leak),
}

_NEVER_COMPARED = "no look at storage compares this, so that no sweep can find it"
#: Classes that nothing causes from outside, and why.
NOT_CAUSED: dict[DriftClass, str] = {
    DriftClass.RESULT_CHANGED: _NEVER_COMPARED,
    DriftClass.SCHEMA_DRIFT: _NEVER_COMPARED,
}
