"""What a person may decide about a part in quarantine, what it changes, and what stands against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import attempted, in_quarantine, sent
from tests.builders.records import NOW, a_part, an_attempt, an_upload
from worker.core import part as parts
from worker.core.change import Change, Claim, Entry
from worker.core.next_step import ways_out
from worker.core.resolve import Job, Recorded, Refusal, adopt, give_up, look_at_once, resubmit
from worker.core.search import unresolved
from worker.core.states import PartState, UploadState
from worker.core.values import Evidence

if TYPE_CHECKING:
    from worker.core.records import PartRecord

LATER = NOW + 60
UPLOAD = an_upload(state=UploadState.ATTENTION)
NOTHING = Recorded()
JOB = Job(known=True, rows=100, service="s1")
STUCK = in_quarantine(a_part(service="s1"))


def changed(decided: Change | Refusal) -> Change:
    """The change that was decided."""
    assert isinstance(decided, Change), decided
    return decided


def refused(decided: Change | Refusal) -> str:
    """The word for which nothing is done."""
    assert isinstance(decided, Refusal), decided
    return decided.reason


def test_an_adopted_job_is_the_parts_and_committed_once() -> None:
    """The part is submitted under that id, by the operator's word, and is looked at at once."""
    change = changed(adopt(STUCK, UPLOAD, NOTHING, "77", LATER, job=JOB))
    (part,) = change.parts
    assert (part.state, part.remote_id, part.due_at, part.attempt) == (PartState.SUBMITTED, "77", LATER, None)
    assert part.evidence[-1] == Evidence(remote_id="77", how="operator", at=LATER)
    assert (part.credits_committed, part.credits_reserved) == (100, 0)
    assert change.ledger == {Entry.COMMITTED: 100}
    assert change.claims == (Claim("ipqs-main@s1", "77", "list-1/0"),)


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (Job(unseen="The provider is away.", service="s1"), "not_looked_at"),
        (Job(service="s1"), "unknown_job"),
        (Job(known=True, token="bv-another-token", service="s1"), "other_token"),
        (Job(known=True, rows=99, service="s1"), "other_rows"),
    ],
)
def test_what_speaks_against_a_job_is_overruled_only_by_an_explicit_word(job: Job, word: str) -> None:
    """A job that was not seen, is not known or is visibly another's is adopted only unchecked."""
    decided = adopt(STUCK, UPLOAD, NOTHING, "77", LATER, job=job)
    assert refused(decided) == word
    assert isinstance(decided, Refusal)
    assert "--unchecked" in decided.message
    assert changed(adopt(STUCK, UPLOAD, NOTHING, "77", LATER, job=job, unchecked=True)).parts[0].remote_id == "77"


@pytest.mark.parametrize("job", [Job(known=True, service="s1"), Job(known=True, token=STUCK.token, service="s1")])
def test_a_job_whose_rows_are_not_told_is_adopted(job: Job) -> None:
    """What a provider does not say speaks against nothing."""
    assert changed(adopt(STUCK, UPLOAD, NOTHING, "77", LATER, job=job)).decision == "adopt"


@pytest.mark.parametrize(
    ("recorded", "word"),
    [(Recorded(remote_id="78"), "accepted_as_another"), (Recorded(unspent="throttled"), "attempt_closed")],
)
def test_the_attempts_own_record_is_never_overruled(recorded: Recorded, word: str) -> None:
    """A store that forgets would go by the record, so no other job is adopted against it."""
    assert refused(adopt(STUCK, UPLOAD, recorded, "77", LATER, job=JOB, unchecked=True)) == word
    assert refused(adopt(STUCK, UPLOAD, recorded, "77", LATER, job=JOB)) == word


def test_a_record_that_names_another_parts_job_says_nothing() -> None:
    """After a collision of ids the job of the other part is neither adopted for this one nor in its way."""
    collided = Recorded(remote_id="78", owner="other/0")
    assert changed(adopt(STUCK, UPLOAD, collided, "77", LATER, job=JOB)).parts[0].remote_id == "77"
    assert changed(resubmit(STUCK, UPLOAD, collided, LATER)).parts[0].state is PartState.PENDING


def test_a_job_is_adopted_only_where_it_is_known_where_to_look_for_it() -> None:
    """A part that was never reserved learns its service from the account, and is refused without one."""
    part = in_quarantine(a_part())
    assert refused(adopt(part, UPLOAD, NOTHING, "77", LATER, job=Job(), unchecked=True)) == "account_unknown"
    assert changed(adopt(part, UPLOAD, NOTHING, "77", LATER, job=JOB)).parts[0].service == "s1"


def test_a_resubmitted_part_is_pending_under_the_next_number() -> None:
    """Its reservation is released, and the attempt that may have been paid stays in the timeline."""
    change = changed(resubmit(STUCK, UPLOAD, NOTHING, LATER))
    (part,) = change.parts
    assert (part.state, part.attempts, part.attempt, part.credits_reserved) == (PartState.PENDING, 1, None, 0)
    assert change.ledger == {Entry.RELEASED: 100}
    assert change.reason == "outcome_unknown"
    assert change.details == {"rows": 100, "rows_maybe_paid_before": 100, "attempt": an_attempt().object}


def test_an_attempt_that_the_store_forgot_is_counted() -> None:
    """Where storage knew of a later attempt than the record, the next number comes after that one."""
    forgot = STUCK.model_copy(update={"attempts": 0, "attempt": an_attempt(3)})
    assert changed(resubmit(forgot, UPLOAD, NOTHING, LATER)).parts[0].attempts == 3
    assert changed(adopt(forgot, UPLOAD, NOTHING, "77", LATER, job=JOB)).parts[0].attempts == 3


def test_what_is_known_to_be_paid_is_not_submitted_again() -> None:
    """An attempt that its own record calls accepted is adopted instead."""
    decided = resubmit(STUCK, UPLOAD, Recorded(remote_id="78"), LATER)
    assert refused(decided) == "accepted"
    assert isinstance(decided, Refusal)
    assert "--adopt 78" in decided.message


def test_nothing_is_submitted_again_while_another_process_may_be_at_it() -> None:
    """An attempt of a process that is not known to have ended is left until its time is over."""
    lost = unresolved(attempted(), NOW, "unresolved_attempt", "Lost.", look_at=NOW).parts[0].written()
    running = Recorded(over_at=LATER + 5)
    assert refused(resubmit(lost, UPLOAD, running, LATER)) == "too_early"
    assert changed(resubmit(lost, UPLOAD, running, LATER + 5)).decision == "resubmit"
    collided = STUCK.model_copy(update={"reason": "identity_collision"})
    assert changed(resubmit(collided, UPLOAD, running, LATER)).decision == "resubmit"


def test_a_cancelled_upload_submits_nothing_again() -> None:
    """What nobody wants any more is not paid for once more; its job may still be adopted."""
    cancelling = UPLOAD.model_copy(update={"cancel_requested": True})
    assert refused(resubmit(STUCK, cancelling, NOTHING, LATER)) == "cancelling"
    assert changed(adopt(STUCK, cancelling, NOTHING, "77", LATER, job=JOB)).decision == "adopt"


def test_a_part_that_is_given_up_fails_and_still_tells_what_it_may_have_cost() -> None:
    """The reservation is released; the open attempt stays, so that a retry counts it."""
    change = changed(give_up(STUCK, LATER))
    (part,) = change.parts
    assert (part.state, part.reason, part.credits_reserved) == (PartState.FAILED, "given_up", 0)
    assert part.attempt == STUCK.attempt
    assert change.ledger == {Entry.RELEASED: 100}
    assert change.details is not None
    assert change.details["rows_maybe_paid"] == 100
    never_sent = parts.quarantine(a_part(), NOW, "poison_part", "", unsent=True).parts[0]
    assert changed(give_up(never_sent, LATER)).parts[0].message == "Given up by a person."


@pytest.mark.parametrize("part", [a_part(), attempted(), sent()], ids=["pending", "intent", "submitted"])
def test_only_parts_in_quarantine_are_resolved(part: PartRecord) -> None:
    """A part that goes on by itself is left alone."""
    assert refused(adopt(part, UPLOAD, NOTHING, "77", LATER, job=JOB)) == "not_in_quarantine"
    assert refused(resubmit(part, UPLOAD, NOTHING, LATER)) == "not_in_quarantine"
    assert refused(give_up(part, LATER)) == "not_in_quarantine"


def test_a_part_with_a_job_is_neither_given_another_nor_submitted_again() -> None:
    """A part that was stopped for crashing goes on with the job that it has."""
    poisoned = parts.quarantine(sent(), LATER, "poison_part", "", unsent=True).parts[0]
    assert refused(adopt(poisoned, UPLOAD, NOTHING, "78", LATER, job=JOB)) == "has_job"
    assert refused(resubmit(poisoned, UPLOAD, NOTHING, LATER)) == "has_job"
    assert ways_out(poisoned) == ("bulkverify retry list-1", "bulkverify resolve list-1/0 --fail")


def test_a_part_of_an_upload_that_has_ended_can_only_be_given_up() -> None:
    """Verdicts that come after the result was delivered are of no use to anybody."""
    ended = an_upload(state=UploadState.FAILED)
    assert refused(adopt(STUCK, ended, NOTHING, "77", LATER, job=JOB)) == "ended"
    assert refused(resubmit(STUCK, ended, NOTHING, LATER)) == "ended"


def test_a_job_that_is_learned_after_a_part_was_given_up_is_evidence_of_a_charge() -> None:
    """A late id neither moves the part nor is lost."""
    part = changed(give_up(STUCK, LATER)).parts[0].written()
    late = parts.learn(part, "77", "late_answer", LATER, look_at=LATER)
    assert late is not None
    assert (late.decision, late.parts[0].state) == ("charged_late", part.state)
    assert [known.remote_id for known in late.parts[0].evidence] == ["77"]


def test_a_job_that_is_learned_before_a_resubmission_was_sent_takes_its_place() -> None:
    """The second charge is saved as long as it has not been made."""
    part = changed(resubmit(STUCK, UPLOAD, NOTHING, LATER)).parts[0].written()
    late = parts.learn(part, "77", "late_answer", LATER, look_at=LATER)
    assert late is not None
    assert (late.decision, late.parts[0].state) == ("adopt", PartState.SUBMITTED)


def test_the_commands_name_the_job_that_was_named_last() -> None:
    """A hint of the provider is offered for adoption, unless it is known to be another part's job."""
    hinted = parts.quarantine(attempted(), NOW, "outcome_unknown", "", remote_id="77").parts[0]
    assert ways_out(hinted)[0] == "bulkverify resolve list-1/0 --adopt 77"
    collided = parts.quarantine(attempted(), NOW, "identity_collision", "", remote_id="77").parts[0]
    assert ways_out(collided)[0] == "bulkverify resolve list-1/0 --adopt REMOTE_ID"
    assert ways_out(collided)[1] == "bulkverify resolve list-1/0 --resubmit --yes-spend 100"


def test_an_upload_is_looked_at_at_once_unless_it_has_ended_or_is_being_looked_at() -> None:
    """Somebody's lease is not taken away."""
    change = look_at_once(UPLOAD, LATER)
    assert change is not None
    assert (change.uploads[0].state, change.uploads[0].due_at) == (UploadState.ATTENTION, LATER)
    assert look_at_once(an_upload(state=UploadState.COMPLETED), LATER) is None
    assert look_at_once(UPLOAD.leased("host:1", NOW, 600.0), LATER) is None
