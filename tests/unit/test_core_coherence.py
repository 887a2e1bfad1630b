"""What must be true of every record at any moment: each way in which it can be otherwise is one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core.coherence import LOOK_SECONDS_MAX, Beside, faults
from worker.core.states import PartState, UploadState
from worker.core.values import Lease

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

SUBMITTED = a_part("crm", 0, PartState.SUBMITTED, remote_id="77", credits_committed=100)
BESIDE = Beside(due={"poll": NOW}, indexed=frozenset({"submitted"}), active=True, owner="crm/0")
PREPARING = an_upload("crm", UploadState.PREPARING)
PREPARED = Beside(due={"prepare": NOW}, indexed=frozenset({"preparing"}))
QUARANTINED = a_part(
    "crm", 0, PartState.QUARANTINED, attempt=an_attempt(), attempts=1, credits_reserved=100, reason="no_control"
)
IN_QUARANTINE = Beside(due={}, indexed=frozenset({"quarantined"}), active=True, intent=True)
COMPLETED = an_upload("crm", UploadState.COMPLETED, result=a_result())
AT_ITS_END = Beside(due={}, indexed=frozenset({"completed"}))


def broken(item: UploadRecord | PartRecord, beside: Beside) -> list[str]:
    """The sentences on one record."""
    return list(faults(item, beside, NOW))


@pytest.mark.parametrize(
    ("item", "beside"),
    [(SUBMITTED, BESIDE), (PREPARING, PREPARED), (QUARANTINED, IN_QUARANTINE), (COMPLETED, AT_ITS_END)],
    ids=["submitted", "preparing", "quarantined", "completed"],
)
def test_a_record_that_is_as_it_must_be_has_no_fault(item: UploadRecord | PartRecord, beside: Beside) -> None:
    """Due in its own lane, listed by its own state, counted as what it is: nothing is said."""
    assert broken(item, beside) == []


def test_a_record_under_a_live_lease_is_attended() -> None:
    """Whoever holds the lease looks after it, also while it is not due anywhere."""
    leased = PREPARING.model_copy(update={"lease": Lease(owner="w", until=NOW + 30)})
    assert broken(leased, Beside(due={}, indexed=frozenset({"preparing"}))) == []
    ended = PREPARING.model_copy(update={"lease": Lease(owner="w", until=NOW - 30)})
    assert broken(ended, Beside(due={}, indexed=frozenset({"preparing"}))) == [
        "crm is preparing, and nobody will look at it"
    ]


@pytest.mark.parametrize(
    ("item", "beside", "fault"),
    [
        (SUBMITTED, Beside({}, BESIDE.indexed, active=True, owner="crm/0"), "submitted, and nobody will look at it"),
        (COMPLETED, Beside({"deliver": NOW}, AT_ITS_END.indexed), "waits in deliver, where nobody expects it"),
        (PREPARING, Beside(PREPARED.due, frozenset({"accepted"})), "is preparing, and listed as accepted"),
        (PREPARING, Beside(PREPARED.due, frozenset()), "is preparing, and listed as nothing"),
        (
            PREPARING,
            Beside({"prepare": NOW + LOOK_SECONDS_MAX + 9}, PREPARED.indexed),
            "is preparing, and looked at only in",
        ),
        (
            PREPARING.model_copy(update={"lease": Lease(owner="w", until=NOW + LOOK_SECONDS_MAX + 9)}),
            PREPARED,
            "under a lease that ends only in",
        ),
        (QUARANTINED.model_copy(update={"reason": ""}), IN_QUARANTINE, "in quarantine without a reason"),
        (SUBMITTED, Beside(BESIDE.due, BESIDE.indexed, active=True, owner="crm/9"), "77, which belongs to part crm/9"),
        (SUBMITTED, Beside(BESIDE.due, BESIDE.indexed, active=True), "77, which belongs to nobody"),
        (SUBMITTED, Beside(BESIDE.due, BESIDE.indexed, owner="crm/0"), "is not counted as a job under way"),
        (
            SUBMITTED,
            Beside(BESIDE.due, BESIDE.indexed, active=True, intent=True, owner="crm/0"),
            "has 0 credits reserved, and is counted as an open attempt",
        ),
        (
            QUARANTINED,
            Beside({}, IN_QUARANTINE.indexed, active=True),
            "has 100 credits reserved, and is not counted as an open attempt",
        ),
        (
            SUBMITTED.model_copy(update={"credits_committed": 40}),
            BESIDE,
            "crm/0 of 100 rows has 40 credits committed",
        ),
        (QUARANTINED.model_copy(update={"attempts": 2}), IN_QUARANTINE, "attempt 2 while attempt 1 is open"),
        (
            QUARANTINED.model_copy(update={"credits_committed": 100}),
            IN_QUARANTINE,
            "crm/0 is paid for and has no remote job",
        ),
        (COMPLETED.model_copy(update={"result": None}), AT_ITS_END, "is completed, and has no result"),
    ],
)
def test_each_way_in_which_a_record_is_not_as_it_must_be_is_told(
    item: UploadRecord | PartRecord, beside: Beside, fault: str
) -> None:
    """One sentence, which names the record."""
    (found,) = broken(item, beside)
    assert fault in found
    assert found.startswith("crm")
