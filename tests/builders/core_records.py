"""What tests of the core add to records: the bounds of the schedule, and parts on their way through a submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.records import NOW, a_part, an_attempt
from worker.core import part as parts
from worker.core.records import AccountRecord
from worker.core.schedule import PollPolicy
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.records import PartRecord

#: A look every 5 s at the earliest, every 600 s at the latest, and at most 10 % of the run time late.
POLICY = PollPolicy(floor_seconds=5.0, cap_seconds=600.0, epsilon=0.1)
#: Seconds that built leases last.
LEASE_SECONDS = 60.0


def an_account(**fields: object) -> AccountRecord:
    """An account that nothing is known of."""
    known: dict[str, object] = {"account": "ipqs-main", "provider": "ipqs"}
    return AccountRecord.model_validate(known | fields)


def reserved(part: PartRecord, now: float = NOW) -> PartRecord:
    """The part under lease, with its credits reserved."""
    change = parts.reserve(part, "host:1", now, LEASE_SECONDS, active_max=10, intents_max=None)
    return change.parts[0].written()


def attempted(part: PartRecord | None = None, now: float = NOW) -> PartRecord:
    """A part with an attempt that may have been sent: state `intent`."""
    leased = reserved(part or a_part(), now)
    return parts.intent(leased, an_attempt(leased.attempts + 1, now), now).parts[0].written()


def in_quarantine(part: PartRecord | None = None, now: float = NOW) -> PartRecord:
    """A part whose attempt has no known outcome."""
    return parts.quarantine(attempted(part, now), now, "outcome_unknown", "No answer.").parts[0].written()


def sent(part: PartRecord | None = None, now: float = NOW, remote_id: str = "77", **fields: object) -> PartRecord:
    """A part that the provider has."""
    change = parts.submitted(attempted(part, now), remote_id, "answer", now, look_at=now + POLICY.floor_seconds)
    return change.parts[0].written().model_copy(update=fields)


def finished(crashes: int = 0, tries: int = 0) -> PartRecord:
    """A part whose remote job is done and whose result is not here yet."""
    return a_part(state=PartState.FINISHED, remote_id="77", credits_committed=100, crashes=crashes, tries=tries)
