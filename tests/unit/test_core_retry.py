"""What a retry does: what waits goes on, what ended is submitted anew, what may have been paid for is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import an_account
from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core.retry import (
    Leave,
    Submit,
    Tried,
    Wake,
    account_again,
    follow_up_id,
    followed_id,
    part_again,
    plan,
    upload_again,
)
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import Evidence, Lease, Pause

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

P, U = PartState, UploadState
SOON = NOW + 300
LEASED = Lease(owner="host:1", until=SOON)
JOB = Evidence(remote_id="77", how="answer", at=NOW)


def planned(upload: UploadRecord, *parts: PartRecord) -> Wake | Submit | Leave:
    """The plan for an upload that was never retried, on an account that is well."""
    return plan([Tried(upload, parts)], an_account(), NOW)


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (a_part(state=P.HELD, due_at=SOON, reason="out_of_credits"), P.HELD),
        (a_part(state=P.PENDING, due_at=SOON, crashes=2, reason="crashed"), P.PENDING),
        (a_part(state=P.FINISHED, due_at=SOON, tries=5, reason="unavailable", remote_id="77"), P.FINISHED),
        (a_part(state=P.QUARANTINED, reason="poison_part", crashes=5), P.PENDING),
        (a_part(state=P.QUARANTINED, reason="poison_part", remote_id="77", evidence=(JOB,)), P.SUBMITTED),
        (
            a_part(state=P.QUARANTINED, reason="poison_part", remote_id="77", evidence=(JOB,), finished_at=NOW),
            P.FINISHED,
        ),
    ],
)
def test_a_part_that_waits_is_due_at_once(part: PartRecord, state: PartState) -> None:
    """It is looked at now, with its tries and crashes forgotten, and its credits as they were."""
    change = part_again(part, NOW)
    assert change is not None
    (again,) = change.parts
    assert (again.state, again.due_at, again.tries, again.crashes, again.reason) == (state, NOW, 0, 0, "")
    assert (again.credits_reserved, again.credits_committed) == (part.credits_reserved, part.credits_committed)
    assert (change.ledger, change.details) == ({}, None)


@pytest.mark.parametrize(
    "part",
    [
        a_part(state=P.INTENT, attempt=an_attempt()),
        a_part(state=P.SUBMITTED, remote_id="77", due_at=SOON),
        a_part(state=P.HELD, due_at=SOON, reason="limit_active"),
        a_part(state=P.HELD, due_at=SOON, reason="own_rate"),
        a_part(state=P.HELD, due_at=SOON, lease=LEASED),
        a_part(state=P.PENDING),
        a_part(state=P.COLLECTED),
        a_part(state=P.FAILED, reason="refused"),
        a_part(state=P.CANCELLED),
        a_part(state=P.QUARANTINED, reason="outcome_unknown", attempt=an_attempt()),
        a_part(state=P.QUARANTINED, reason="unresolved_attempt", attempt=an_attempt()),
        a_part(state=P.QUARANTINED, reason="poison_part", attempt=an_attempt()),
        a_part(state=P.QUARANTINED, reason="poison_part", evidence=(JOB,)),
        a_part(state=P.QUARANTINED, reason="identity_collision"),
        a_part(state=P.QUARANTINED, reason="result_expired"),
        a_part(state=P.QUARANTINED, reason="a_reason_of_a_later_version", remote_id="77"),
    ],
)
def test_a_part_that_may_have_been_paid_for_or_does_not_wait_is_left_alone(part: PartRecord) -> None:
    """Open attempts, unexplained quarantines, live leases, remote jobs and ends are never touched by a retry."""
    assert part_again(part, NOW) is None


def test_an_upload_that_was_stopped_is_looked_at_again() -> None:
    """One without a lane is back in it; one that was put off is due now; one that is merely under way is left alone."""
    stopped = an_upload(state=U.ATTENTION, lane=None, due_at=None, reason="poison_upload", crashes=5)
    change = upload_again(stopped, NOW)
    assert change is not None
    again = change.uploads[0]
    assert (again.state, again.lane, again.due_at, again.crashes, again.reason) == (
        U.ATTENTION,
        Lane.DELIVER,
        NOW,
        0,
        "",
    )
    off = upload_again(an_upload(state=U.PREPARING, tries=3, due_at=SOON), NOW)
    assert off is not None
    assert (off.uploads[0].due_at, off.uploads[0].tries) == (NOW, 0)
    assert upload_again(an_upload(state=U.RUNNING, due_at=SOON), NOW) is None
    assert upload_again(an_upload(state=U.PREPARING, tries=3, lease=LEASED), NOW) is None


def test_a_pause_ends_unless_the_provider_asked_for_it() -> None:
    """Whoever retries says that keys and credits are mended; failures stay counted, and a throttled account waits."""
    lifted = account_again(
        an_account(
            calls_pause=Pause(reason="credentials_rejected", until=SOON, failures=2),
            spending_pause=Pause(reason="out_of_credits", until=SOON, failures=4),
        )
    )
    assert lifted is not None
    assert lifted.accounts[0].calls_pause == Pause(failures=2)
    assert lifted.accounts[0].spending_pause == Pause(failures=4)
    assert account_again(an_account(calls_pause=Pause(reason="throttled", until=SOON))) is None
    assert account_again(an_account()) is None


def test_an_upload_that_lives_goes_on_where_it_is() -> None:
    """Held parts are due, those in quarantine are counted as left alone."""
    upload = an_upload(state=U.ATTENTION, parts_total=3)
    held = [a_part(index=index, state=P.HELD, due_at=SOON) for index in (0, 1)]
    unknown = a_part(index=2, state=P.QUARANTINED, reason="outcome_unknown", attempt=an_attempt())
    assert planned(upload, *held, unknown) == Wake(parts=2, left=1)
    needy = planned(upload, unknown)
    assert isinstance(needy, Leave)
    assert (needy.reason, needy.refused) == ("needs_person", True)


def test_a_paused_account_is_enough_to_wake() -> None:
    """An upload of which nothing waits but its account goes on when the pause ends."""
    paused = an_account(calls_pause=Pause(reason="unavailable", until=SOON))
    upload = an_upload(state=U.RUNNING, parts_total=1)
    part = a_part(state=P.SUBMITTED, remote_id="77", due_at=SOON)
    assert plan([Tried(upload, [part])], paused, NOW) == Wake(parts=0, left=0)


@pytest.mark.parametrize(
    ("upload", "reason", "refused"),
    [
        (an_upload(state=U.COMPLETED, result=a_result()), "completed", True),
        (an_upload(state=U.RUNNING, cancel_requested=True, tries=2), "cancelling", True),
        (an_upload(state=U.RUNNING), "nothing_waits", False),
        (an_upload(state=U.FAILED, source={"rows": "7 rows"}), "source_gone", True),
        (an_upload("x" * 98, U.FAILED), "id_too_long", True),
    ],
)
def test_what_cannot_be_retried_says_why(upload: UploadRecord, reason: str, *, refused: bool) -> None:
    """Nothing is done, with a word for programs and a sentence for people."""
    found = planned(upload)
    assert isinstance(found, Leave)
    assert (found.reason, found.refused) == (reason, refused)
    assert found.message.endswith(".")


def test_rows_of_a_request_are_sent_again_under_another_id() -> None:
    """The same request would be recognised as the upload that failed, so the advice says how to tell them apart."""
    found = planned(an_upload(state=U.FAILED, source={"rows": "7 rows"}))
    assert isinstance(found, Leave)
    assert found.message.endswith("send them again with `again` or another upload_id.")


@pytest.mark.parametrize("state", [U.FAILED, U.CANCELLED])
def test_what_ended_unspent_is_submitted_anew(state: UploadState) -> None:
    """The follow-up has an id of its own, and its price is known when the list was read before."""
    assert planned(an_upload(state=state)) == Submit("list-1.r1", None, 0)
    refused = a_part(state=P.FAILED, reason="refused", attempts=1)
    upload = an_upload(state=state, parts_total=2, distinct=200)
    assert planned(upload, refused, a_part(index=1, state=P.CANCELLED)) == Submit("list-1.r1", 200, 0)


@pytest.mark.parametrize(
    ("part", "rows"),
    [
        (a_part(state=P.COLLECTED, credits_committed=100, evidence=(JOB,)), 100),
        (a_part(state=P.FAILED, reason="remote_aborted", credits_committed=100), 100),
        (a_part(state=P.CANCELLED, evidence=(JOB,)), 100),
        (a_part(state=P.FAILED, attempt=an_attempt()), 100),
        (a_part(state=P.FAILED, attempt=an_attempt(), evidence=(JOB,), provisional=True), 100),
        (a_part(state=P.FAILED, attempt=an_attempt(), evidence=(JOB,), excluded=(JOB.remote_id,)), 100),
        (
            a_part(
                state=P.COLLECTED, credits_committed=100, evidence=(JOB, JOB.model_copy(update={"remote_id": "78"}))
            ),
            200,
        ),
    ],
)
def test_what_was_paid_for_is_counted(part: PartRecord, rows: int) -> None:
    """Committed credits count, and so does every remote job and open attempt that may have been charged."""
    assert planned(an_upload(state=U.FAILED, parts_total=1, distinct=100), part) == Submit("list-1.r1", 100, rows)


def test_follow_ups_count_together_with_their_upload() -> None:
    """The next follow-up has the next number, and what the earlier ones have paid for is counted, too."""
    first = Tried(an_upload(state=U.FAILED), ())
    second = Tried(
        an_upload("list-1.r1", U.FAILED, parts_total=1, distinct=100),
        (a_part(state=P.COLLECTED, credits_committed=40),),
    )
    assert plan([first, second], an_account(), NOW) == Submit("list-1.r2", 100, 40)


@pytest.mark.parametrize("state", [U.ACCEPTED, U.RUNNING, U.ATTENTION, U.COMPLETED])
def test_a_follow_up_that_lives_or_is_completed_is_the_retry(state: UploadState) -> None:
    """Nothing is submitted a second time while the follow-up is under way, nor after it has succeeded."""
    tried = [Tried(an_upload(state=U.FAILED), ()), Tried(an_upload("list-1.r1", state), ())]
    found = plan(tried, an_account(), NOW)
    assert isinstance(found, Leave)
    assert (found.reason, found.refused) == ("already_retried", False)
    assert "list-1.r1" in found.message


def test_the_id_of_a_follow_up_tells_which_upload_it_follows() -> None:
    """The number is counted from 1, and an id without one follows nothing."""
    assert followed_id(follow_up_id("crm-7", 12)) == "crm-7"
    assert [followed_id(each) for each in ("crm-7", "crm.r", "crm.r0", ".r1", "crm.r12345")] == [None] * 5
