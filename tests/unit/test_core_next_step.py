"""What happens next, said of every state of uploads and parts."""

from __future__ import annotations

import pytest

from tests.builders.core_records import attempted
from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.core.next_step import NextStep, account_pauses, next_step, place_kept
from worker.core.records import AccountRecord
from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, PartState, UploadState
from worker.core.values import Evidence, Lease, Pause

LEASED = Lease(owner="host-a:17", until=NOW + 60)


@pytest.mark.parametrize("state", PartState)
def test_a_part_moves_by_itself_unless_it_is_at_its_end_or_in_quarantine(state: PartState) -> None:
    """Every part that is neither terminal nor in quarantine has a time at which it goes on."""
    step = next_step(a_part(state=state), NOW)
    rests = state in PART_TERMINAL | {PartState.QUARANTINED}
    assert step.when == (None if rests else NOW)
    assert step.what.startswith("nothing") == rests


@pytest.mark.parametrize("state", UploadState)
def test_an_upload_moves_by_itself_until_its_end(state: UploadState) -> None:
    """Every upload that is not terminal has a time at which it is looked at."""
    step = next_step(an_upload(state=state), NOW)
    assert step.when == (None if state in UPLOAD_TERMINAL else NOW)
    assert step.what.startswith("nothing") == (state in UPLOAD_TERMINAL)


def test_a_submitted_part_is_asked_about_at_its_due_time() -> None:
    """A submitted part names its remote job and the time of the next look."""
    step = next_step(a_part(state=PartState.SUBMITTED, remote_id="77", due_at=NOW + 12), NOW)
    assert step.what == "the provider is asked about remote job 77"
    assert step.when == NOW + 12


@pytest.mark.parametrize(
    ("state", "does"),
    [
        (PartState.PENDING, "about to submit"),
        (PartState.INTENT, "submitting it (attempt 2)"),
        (PartState.FINISHED, "downloading"),
    ],
)
def test_a_leased_part_names_who_acts_and_until_when(state: PartState, does: str) -> None:
    """While a lease lives, its owner is named, and the time is the lease's end whatever the record is due at."""
    step = next_step(a_part(state=state, attempts=2, lease=LEASED), NOW)
    assert step.what.startswith("host-a:17 is ")
    assert does in step.what
    assert step.when == LEASED.until


def test_a_lease_that_has_ended_is_nobodys() -> None:
    """After a lease has ended, its owner is not said to act any more."""
    after = LEASED.until + 1
    part = a_part(state=PartState.INTENT, attempts=1, lease=LEASED)
    assert "host-a" not in next_step(part, after).what
    assert "nothing is submitted before that" in next_step(part, after).what


def test_a_held_part_says_why_and_until_when() -> None:
    """A held part tells the reason in words and the time of the next try."""
    step = next_step(a_part(state=PartState.HELD, reason="out_of_credits", due_at=NOW + 600), NOW)
    assert step.what == "submitting it is tried again: out of credits"
    assert step.when == NOW + 600


def test_a_finished_part_tells_why_its_verdicts_are_not_there_yet() -> None:
    """A part whose download failed says how, in the record's own sentence."""
    part = a_part(state=PartState.FINISHED, remote_id="77", reason="unavailable", message="The provider is away.")
    assert next_step(part, NOW).what == "the verdicts of remote job 77 are downloaded: The provider is away"


def test_a_quarantined_part_waits_for_a_person_with_all_that_is_known() -> None:
    """A part in quarantine needs a person, and tells its open attempt and every remote id ever named for it."""
    part = a_part(
        state=PartState.QUARANTINED,
        reason="unresolved_attempt",
        message="No answer came.",
        attempt=an_attempt(2, at=NOW - 30),
        evidence=(Evidence(remote_id="78", how="list", at=NOW - 10),),
    )
    step = next_step(part, NOW)
    assert step.needs_person
    assert step.when is None
    assert step.what == "nothing by itself: a person must decide: No answer came"
    assert [fact.at for fact in step.known] == [NOW - 30, NOW - 10]
    assert "attempt 2 may have been charged" in step.known[0].what
    assert step.known[1].what == "remote job 78 was named by: list"
    assert step.commands == (
        "bulkverify resolve list-1/0 --adopt 78",
        "bulkverify resolve list-1/0 --resubmit --yes-spend 100",
        "bulkverify resolve list-1/0 --fail",
    )


def test_a_job_that_holds_other_values_is_told_and_never_proposed() -> None:
    """It was named for the part and is not the part's; where walks have proven that there is none, that comes first."""
    found = (Evidence(remote_id="78", how="time", at=NOW - 10),)
    known = a_part(state=PartState.QUARANTINED, attempt=an_attempt(1), evidence=found, excluded=("78",))
    step = next_step(known.model_copy(update={"reason": "no_control"}), NOW)
    assert step.known[1].what == "remote job 78 was named by: time, and is not the part's"
    assert step.commands[0] == "bulkverify resolve list-1/0 --adopt REMOTE_ID"
    absent = next_step(known.model_copy(update={"reason": "absent"}), NOW)
    assert absent.commands[0] == "bulkverify resolve list-1/0 --resubmit --yes-spend 100"


def test_an_upload_in_preparation_tells_how_far_it_is() -> None:
    """While the list is being read, the number of rows so far is told."""
    upload = an_upload(state=UploadState.PREPARING, lease=LEASED, staged_rows=12_000)
    assert "12,000 rows so far" in next_step(upload, NOW).what


def test_a_cancelled_upload_that_runs_tells_what_becomes_of_its_parts() -> None:
    """After a cancellation was requested, unsent parts are dropped and paid ones collected."""
    step = next_step(an_upload(state=UploadState.RUNNING, cancel_requested=True), NOW)
    assert step.what == "parts not yet submitted are dropped; those already paid are still collected"


def test_an_unsent_part_of_a_cancelled_upload_is_dropped() -> None:
    """After a cancellation was requested, parts that are not being sent are dropped, and others are not."""
    dropped = "it is dropped, unsent: cancellation was requested"
    assert next_step(a_part(state=PartState.HELD), NOW, cancelling=True).what == dropped
    assert next_step(a_part(lease=LEASED), NOW, cancelling=True).what != dropped
    assert next_step(a_part(state=PartState.SUBMITTED), NOW, cancelling=True).what != dropped


def test_what_is_paid_is_dropped_where_it_is_given_up() -> None:
    """A job that is known is dropped at the next look, and an attempt of unknown outcome waits for its own."""
    upload = an_upload(state=UploadState.RUNNING, cancel_requested=True, no_collect=True)
    assert next_step(upload, NOW).what == "parts not yet submitted are dropped, and so are those already paid"
    dropped = "it is dropped, paid for and not collected: that was asked for"
    submitted = a_part(state=PartState.SUBMITTED, remote_id="77")
    assert next_step(submitted, NOW, cancelling=True, no_collect=True).what == dropped
    assert next_step(attempted(), NOW + 1_000.0, cancelling=True, no_collect=True).what != dropped
    ended = submitted.model_copy(update={"state": PartState.CANCELLED, "reason": "not_collected"})
    assert next_step(ended, NOW).what == "nothing: it was cancelled and its verdicts were not fetched"


@pytest.mark.parametrize("state", [UploadState.ACCEPTED, UploadState.PREPARING])
def test_a_cancelled_upload_without_parts_just_ends(state: UploadState) -> None:
    """Before anything was sent, a cancellation ends the upload."""
    assert "cancelled" in next_step(an_upload(state=state, cancel_requested=True), NOW).what


def test_an_upload_that_cannot_go_on_needs_a_person() -> None:
    """An upload that was stopped has no next look and says why."""
    upload = an_upload(state=UploadState.ATTENTION, lane=None, due_at=None, message="It ended five times.")
    step = next_step(upload, NOW)
    assert (step.when, step.needs_person) == (None, True)
    assert step.what.endswith("It ended five times")


def test_an_upload_with_quarantined_parts_goes_on_with_the_others() -> None:
    """An upload that needs attention is still looked at."""
    step = next_step(an_upload(state=UploadState.ATTENTION), NOW)
    assert (step.when, step.needs_person) == (NOW, True)


def test_a_completed_upload_tells_where_its_result_is() -> None:
    """The end of an upload names its result."""
    step = next_step(an_upload(state=UploadState.COMPLETED, result=a_result()), NOW)
    assert step.what.endswith("the result is file:///srv/storage/results/list-1/result.csv")


def test_each_pause_of_an_account_is_told_with_what_ends_it() -> None:
    """A pause tells what is kept back, why, and who finds out when that it is over; a well account has none."""
    calls, spending = Pause(reason="throttled", until=NOW + 5), Pause(reason="out_of_credits", until=NOW - 9)
    account = AccountRecord(account="main", provider="ipqs", calls_pause=calls, spending_pause=spending)
    first, second = account_pauses(account, NOW)
    finds_out = "whoever needs one finds out by a free call whether"
    assert (first.what, first.when) == (f"{finds_out} calls for account main may begin again: throttled", NOW + 5)
    assert (second.what, second.when) == (f"{finds_out} submits for account main may begin again: out of credits", NOW)
    probed = spending.model_copy(update={"probe": Lease(owner="host:1", until=NOW + 60)})
    (asked,) = account_pauses(AccountRecord(account="main", provider="ipqs", spending_pause=probed), NOW)
    assert asked.what.startswith("host:1 finds out by a free call whether submits for account main may begin again")
    assert asked.when == NOW + 60
    assert list(account_pauses(AccountRecord(account="main", provider="ipqs"), NOW)) == []


@pytest.mark.parametrize(("reason", "in_line"), [("limit_active", False), ("own_rate", True), ("out_of_credits", True)])
def test_a_part_in_the_line_is_told_to_have_its_turn(reason: str, *, in_line: bool) -> None:
    """Nobody looks at it at a time of its own, so none is told: it goes on as soon as there is room."""
    # What kept it back once is told of the account, as long as it does.
    why = "" if reason == "out_of_credits" else f": {reason.replace('_', ' ')}"
    room = f"when there is room on its account{why}"
    held = a_part(state=PartState.HELD, reason=reason, due_at=NOW - 300)
    assert next_step(held, NOW, in_line=in_line) == NextStep(f"it is submitted in its turn, {room}")
    finished = a_part(state=PartState.FINISHED, remote_id="77", reason=reason, due_at=NOW - 300)
    fetched = NextStep(f"the verdicts of remote job 77 are downloaded in their turn, {room}")
    assert next_step(finished, NOW, in_line=in_line) == fetched


def test_the_part_that_keeps_an_accounts_only_place_is_named() -> None:
    """One attempt may be open where names are not known to be shown: in quarantine, until a person decides."""
    account = AccountRecord(account="main", provider="ipqs")
    searched, kept = a_part(state=PartState.INTENT), a_part(state=PartState.QUARANTINED)
    step = place_kept(account, [searched, kept])
    assert step is not None
    assert (step.needs_person, step.commands) == (True, (f"bulkverify why {kept.upload_id}",))
    assert kept.part_id in step.what
    assert place_kept(account, [searched]) is None
    assert place_kept(account.model_copy(update={"echo_proven": True}), [kept]) is None
