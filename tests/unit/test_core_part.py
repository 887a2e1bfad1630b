"""The part's decisions: what each writes, what it does to the money, and what it never does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import LEASE_SECONDS, attempted, finished, in_quarantine, reserved, sent
from tests.builders.records import NOW, a_part, an_attempt, an_upload
from worker.core import part as core
from worker.core.account import Waiting
from worker.core.blocked import blocked
from worker.core.change import Claim, Entry, Guard
from worker.core.errors import IllegalMove
from worker.core.states import PART_TERMINAL, PART_UNSPENT, Lane, PartState, UploadState
from worker.core.values import Evidence, SegmentFile

if TYPE_CHECKING:
    from worker.core.records import PartRecord, UploadRecord

RUNNING = an_upload(state=UploadState.RUNNING)
LATER = NOW + 30


def test_nothing_stands_in_the_way_of_a_pending_part() -> None:
    """A part of a running upload on a well account may be attempted."""
    assert core.before_submit(a_part(), RUNNING, None, NOW) is None


@pytest.mark.parametrize("state", [state for state in PartState if state not in PART_UNSPENT])
def test_nothing_is_reserved_for_a_part_that_may_have_been_charged(state: PartState) -> None:
    """A part with an attempt, a job or an end behind it can never be attempted anew, whoever asks."""
    part = a_part(state=state, attempt=an_attempt())
    with pytest.raises(IllegalMove):
        core.reserve(part, "host:1", NOW, LEASE_SECONDS, active_max=5, intents_max=None)


@pytest.mark.parametrize(
    "upload",
    [
        an_upload(state=UploadState.RUNNING, cancel_requested=True),
        an_upload(state=UploadState.CANCELLED),
        an_upload(state=UploadState.FAILED),
    ],
)
def test_a_part_nobody_wants_is_cancelled_unsent(upload: UploadRecord) -> None:
    """A part of an upload that was cancelled or has ended is not sent."""
    change = core.before_submit(a_part(), upload, None, NOW)
    assert change is not None
    assert change.parts[0].state is PartState.CANCELLED


def test_a_paused_account_holds_its_parts_until_the_pause_ends() -> None:
    """A part of a paused account waits for the end of the pause, for the pause's reason."""
    change = core.before_submit(a_part(), RUNNING, Waiting("throttled", LATER), NOW)
    assert change is not None
    held = change.parts[0]
    assert (held.state, held.reason, held.due_at, held.lane) == (PartState.HELD, "throttled", LATER, Lane.SUBMIT)


def test_reserving_takes_the_lease_and_every_credit() -> None:
    """A reservation is the price of the whole part, under the account's limits, with the lease."""
    change = core.reserve(a_part(rows=70), "host:1", NOW, LEASE_SECONDS, active_max=5, intents_max=1)
    assert change.ledger == {Entry.RESERVED: 70}
    assert change.guards == (Guard("ipqs-main", "active", 5), Guard("ipqs-main", "intents", 1))
    assert (change.parts[0].credits_reserved, change.parts[0].epoch) == (70, 1)
    assert change.parts[0].leased_now(NOW)


def test_intents_are_not_limited_where_names_are_echoed() -> None:
    """Without a limit of intents, only the number of active parts is guarded."""
    change = core.reserve(a_part(), "host:1", NOW, LEASE_SECONDS, active_max=5, intents_max=None)
    assert change.guards == (Guard("ipqs-main", "active", 5),)


def test_a_reservation_that_is_held_is_not_taken_twice() -> None:
    """After a crash between reservation and attempt, the next worker takes the lease and no further credits."""
    change = core.reserve(reserved(a_part()), "host:2", LATER, LEASE_SECONDS, active_max=1, intents_max=1)
    assert (change.ledger, change.guards) == ({}, ())
    assert (change.parts[0].credits_reserved, change.parts[0].epoch) == (100, 2)


def test_an_intent_keeps_the_lease_and_is_due_when_the_attempt_is_over() -> None:
    """The attempt is in the record before anything is sent, under the lease that reserved it."""
    leased = reserved(a_part(attempts=2, reason="throttled"))
    begun = core.intent(leased, an_attempt(3), NOW).parts[0]
    assert (begun.state, begun.attempts, begun.due_at) == (PartState.INTENT, 3, an_attempt(3).over_at)
    assert begun.lease == leased.lease
    assert begun.reason == ""


def test_an_answer_commits_what_was_reserved() -> None:
    """A submitted part has its remote id claimed and its reservation turned into a charge."""
    change = core.submitted(attempted(), "77", "answer", LATER, look_at=LATER + 5)
    taken = change.parts[0]
    assert change.ledger == {Entry.COMMITTED: 100}
    assert change.claims == (Claim("ipqs-main", "77", "list-1/0"),)
    assert (taken.credits_reserved, taken.credits_committed, taken.attempt, taken.lease) == (0, 100, None, None)
    assert (taken.submitted_at, taken.lane, taken.due_at) == (NOW, Lane.POLL, LATER + 5)
    assert (change.decision, change.counters) == ("submitted", {("parts", "submitted"): 1})


@pytest.mark.parametrize("state", [PartState.PENDING, PartState.HELD])
def test_adopting_a_job_without_a_reservation_books_both(state: PartState) -> None:
    """A job found for a part that reserved nothing is reserved and committed in one write, so the ledger balances."""
    change = core.submitted(a_part(state=state), "77", "attempt_record", NOW, look_at=NOW)
    assert change.ledger == {Entry.RESERVED: 100, Entry.COMMITTED: 100}
    assert (change.decision, change.counters) == ("adopt", {("parts", "adopted"): 1})


@pytest.mark.parametrize("part", [attempted(), in_quarantine()], ids=["intent", "quarantined"])
def test_a_late_answer_resolves_an_open_attempt(part: PartRecord) -> None:
    """A remote id learned late makes the part submitted, even out of quarantine, with one charge."""
    change = core.learn(part, "77", "late_answer", LATER, look_at=LATER)
    assert change is not None
    assert change.parts[0].state is PartState.SUBMITTED
    assert change.ledger == {Entry.COMMITTED: 100}


def test_an_id_from_an_unclear_answer_is_believed_once_the_list_shows_it() -> None:
    """Quarantine keeps the hinted id as evidence without moving; the same id learned for certain resolves the part."""
    stopped = core.quarantine(attempted(), LATER, "outcome_unknown", "Unclear.", remote_id="77").parts[0]
    assert (stopped.remote_id, [known.remote_id for known in stopped.evidence]) == (None, ["77"])
    change = core.learn(stopped, "77", "list", LATER, look_at=LATER)
    assert change is not None
    assert (change.parts[0].state, change.parts[0].remote_id) == (PartState.SUBMITTED, "77")


def test_a_remote_id_that_is_known_is_learned_once() -> None:
    """The same id learned again changes nothing."""
    assert core.learn(sent(remote_id="77"), "77", "list", LATER, look_at=LATER) is None


@pytest.mark.parametrize("state", [PartState.SUBMITTED, PartState.FINISHED, *PART_TERMINAL])
def test_a_second_job_for_a_part_is_evidence_of_a_wasted_charge(state: PartState) -> None:
    """Another remote id of a part that has one is kept and counted as wasted, and moves nothing."""
    known = (Evidence(remote_id="77", how="answer", at=NOW),)
    part = a_part(state=state, remote_id="77", evidence=known, credits_committed=100)
    change = core.learn(part, "78", "late_answer", LATER, look_at=LATER)
    assert change is not None
    kept = change.parts[0]
    assert (kept.state, kept.remote_id, kept.due_at) == (state, "77", part.due_at)
    assert [known.remote_id for known in kept.evidence] == ["77", "78"]
    assert change.ledger == {Entry.WASTED: 100}
    assert change.claims == ()


@pytest.mark.parametrize("state", [PartState.FAILED, PartState.CANCELLED])
@pytest.mark.parametrize("named", [(), (Evidence(remote_id="77", how="unclear_answer", at=NOW),)])
def test_the_first_job_of_a_part_that_ended_unpaid_is_a_charge_and_no_waste(
    state: PartState, named: tuple[Evidence, ...]
) -> None:
    """Its credits are committed once, though an unclear answer had named it before; only another job is wasted."""
    part = a_part(state=state, attempt=an_attempt(), evidence=named)
    change = core.learn(part, "77", "list", LATER, look_at=LATER)
    assert change is not None
    (paid,) = change.parts
    assert change.ledger == {Entry.RESERVED: 100, Entry.COMMITTED: 100}
    assert (paid.state, paid.remote_id, paid.credits_committed, paid.attempt) == (state, None, 100, None)
    assert change.claims == ()
    assert core.learn(paid, "77", "list", LATER, look_at=LATER) is None
    second = core.learn(paid, "78", "list", LATER, look_at=LATER)
    assert second is not None
    assert (second.decision, second.ledger) == ("duplicate_remote", {Entry.WASTED: 100})


@pytest.mark.parametrize("part", [attempted(), reserved(a_part())], ids=["intent", "reserved"])
def test_what_was_reserved_is_released_when_nothing_is_spent(part: PartRecord) -> None:
    """Refusal, hold and cancellation give the whole reservation back and close the attempt."""
    held = core.hold(part, LATER, "throttled", LATER + 60)
    refused = core.refused(part.model_copy(update={"state": PartState.INTENT}), LATER, "refused", "No such column.")
    for change in (held, refused):
        assert change.ledger == {Entry.RELEASED: 100}
        assert (change.parts[0].credits_reserved, change.parts[0].attempt) == (0, None)


def test_cancelling_releases_a_reservation_that_was_never_used() -> None:
    """A part cancelled after a crash between reservation and attempt gives its credits back."""
    assert core.cancel(reserved(a_part()), LATER).ledger == {Entry.RELEASED: 100}
    assert core.cancel(a_part(), LATER).ledger == {}


def test_an_open_attempt_cannot_be_cancelled() -> None:
    """Cancelling a part that may have been charged is refused."""
    with pytest.raises(IllegalMove):
        core.cancel(attempted(), LATER)


def test_holding_for_the_same_reason_is_told_once() -> None:
    """A part that is held again and again for one reason has one entry in the timeline."""
    first = core.hold(a_part(), NOW, "limit_active", LATER)
    again = core.hold(first.parts[0], LATER, "limit_active", LATER + 5)
    other = core.hold(first.parts[0], LATER, "throttled", LATER + 5)
    assert first.details is not None
    assert again.details is None
    assert other.details is not None


def test_quarantine_keeps_the_attempt_open_and_its_credits_reserved() -> None:
    """A part whose attempt may have been charged keeps both, is in no lane, and applications are told."""
    change = core.quarantine(attempted(), LATER, "outcome_unknown", "No answer.")
    stopped = change.parts[0]
    assert (stopped.credits_reserved, stopped.lane, stopped.due_at, stopped.lease) == (100, None, None, None)
    assert stopped.attempt == attempted().attempt
    assert change.ledger == {}
    assert [event.name for event in change.events] == ["needs_attention"]


def test_a_part_stopped_before_any_attempt_gives_its_reservation_back() -> None:
    """Where no attempt is open nothing can have been charged: quarantine blocks neither credits nor the account."""
    change = core.quarantine(reserved(a_part()), LATER, "poison_part", "It ended five times.", unsent=True)
    assert change.ledger == {Entry.RELEASED: 100}
    assert change.parts[0].credits_reserved == 0


def test_a_paid_result_is_fetched_again_for_ever() -> None:
    """A download that failed is tried again later, as often as it takes, and the crash count starts anew."""
    part = finished(tries=40, crashes=1)
    later = core.collect_later(part, NOW, "unavailable", "Away.", LATER).parts[0]
    assert (later.state, later.due_at, later.tries, later.crashes) == (PartState.FINISHED, LATER, 41, 0)


@pytest.mark.parametrize(("same", "reason", "drift"), [(True, "", 0), (False, "row_mismatch", 1)])
def test_verdicts_on_other_values_than_were_sent_are_noted(same: bool, reason: str, drift: int) -> None:
    """A result is kept either way; where its values are not those sent, that is drift and says so."""
    change = core.collected(
        finished(), LATER, rows_returned=99, verdicts_object="v.jsonl", verdicts_digest="e" * 64, same_values=same
    )
    done = change.parts[0]
    assert (done.state, done.rows_done, done.rows_returned) == (PartState.COLLECTED, 100, 99)
    assert (done.reason, change.reason) == (reason, reason)
    assert change.counters.get(("drift", "row_mismatch"), 0) == drift


def test_segments_are_kept_with_the_part_and_told_of() -> None:
    """What came besides the whole result stands in the part; the timeline names it and says what was empty."""
    files = (SegmentFile(segment="bad", part=0, object="o", url="u"), SegmentFile(segment="clean", part=0))
    change = core.collected(
        finished(),
        LATER,
        rows_returned=100,
        verdicts_object="v.jsonl",
        verdicts_digest="e" * 64,
        same_values=True,
        segments=files,
    )
    assert change.parts[0].segments == files
    assert change.details is not None
    assert change.details["segments"] == "bad, clean (empty)"


def test_what_lacks_something_of_ours_waits_longer_each_time() -> None:
    """A full disk or a missing account is looked at after a minute, and then less and less often up to a bound."""
    part, waits = a_part(), []
    for _ in range(7):
        held = blocked(part, NOW, "storage_unavailable").parts[0]
        waits.append((held.due_at or 0) - NOW)
        part = held.written()
    assert waits[0] == 60
    assert waits == sorted(waits)
    assert waits[-1] == 900
    assert part.state is PartState.HELD


def test_who_waits_in_line_for_another_reason_of_its_account_is_told_of_once() -> None:
    """The timeline tells that a part waits, and not each time that there was no room after all."""
    held = core.hold(a_part(), NOW, "limit_line", LATER)
    again = core.hold(held.parts[0], NOW, "own_rate", LATER)
    other = core.hold(again.parts[0], NOW, "throttled", LATER)
    assert [change.details is None for change in (held, again, other)] == [False, True, False]
    finished = a_part(state=PartState.FINISHED, reason="own_rate", tries=1)
    later = core.collect_later(finished, NOW, "limit_line", "", LATER, tried=False)
    assert (later.details, later.parts[0].tries) == (None, 1)
