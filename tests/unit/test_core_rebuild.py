"""Rebuilding: what storage tells of a part decides where it goes on, and nothing of it lets anything be spent."""

from __future__ import annotations

import pytest

from tests.builders.records import NOW, a_part, a_result, an_attempt, an_upload
from worker.actors.attempts import Outcome, Remembered
from worker.actors.recovery import traces_of
from worker.core.budget import budget_day
from worker.core.change import Change, Claim, Entry
from worker.core.part import learn
from worker.core.rebuild import Traces, attempted_again, collected_again, rebuilt, rebuilt_ended, unsent_again
from worker.core.retry import UNSENT_REASON, part_again
from worker.core.states import Lane, PartState, UploadState

#: A day and a bit after the attempts of the builders.
LATER = NOW + 100_000.0


def remembered(number: int, outcome: Outcome | None, at: float = NOW) -> Remembered:
    """An attempt as storage remembers it."""
    return Remembered(
        number=number,
        object=f"attempts/bv-abcdefghijklmnop/{number}.json",
        at=at,
        over_at=at + 900,
        process="host:1:abc",
        watermark=7,
        service="a1b2c3d4",
        method="json",
        outcome=outcome,
    )


def again(*outcomes: Outcome | None, disputed: frozenset[str] = frozenset()) -> Change | None:
    """The part of attempts with these outcomes, made again."""
    traces = traces_of([remembered(number, outcome) for number, outcome in enumerate(outcomes, 1)], LATER)
    return None if traces is None else attempted_again(a_part(), traces, LATER, disputed)


def test_a_part_with_a_job_has_it_again() -> None:
    """Its credits are committed, of the day of its attempt, and its id is claimed where its attempt was made."""
    change = again(Outcome(unspent="throttled"), Outcome(remote_id="77"))
    assert change is not None
    (part,) = change.parts
    assert (part.state, part.lane, part.remote_id, part.attempts) == (PartState.SUBMITTED, Lane.POLL, "77", 2)
    assert (part.credits_committed, part.credits_reserved, part.budget_day) == (100, 0, budget_day(NOW))
    assert (part.submitted_at, part.service, part.method, part.due_at) == (NOW, "a1b2c3d4", "json", LATER)
    assert change.claims == (Claim("ipqs-main@a1b2c3d4", "77", "list-1/0"),)
    assert dict(change.ledger) == {Entry.RESERVED: 100, Entry.COMMITTED: 100}


@pytest.mark.parametrize(
    ("outcomes", "number"),
    [
        ((None,), 1),
        ((Outcome(unspent="throttled"), None), 2),
        ((None, Outcome(unspent="throttled")), 1),
        ((None, None), 1),
    ],
)
def test_an_attempt_without_outcome_is_open_again(outcomes: tuple[Outcome | None, ...], number: int) -> None:
    """The first one of them is searched for; those after it are taken up in their turn."""
    change = again(*outcomes)
    assert change is not None
    (part,) = change.parts
    assert part.attempt is not None
    assert (part.state, part.attempt.number, part.attempts, part.watermark) == (PartState.INTENT, number, number, 7)
    assert (part.credits_reserved, dict(change.ledger)) == (100, {Entry.RESERVED: 100})


def test_a_job_settles_the_part_whatever_other_attempts_say() -> None:
    """Where one attempt has a job, an open one beside it is no reason to search."""
    change = again(None, Outcome(remote_id="77"))
    assert change is not None
    assert (change.parts[0].state, change.parts[0].remote_id) == (PartState.SUBMITTED, "77")


def test_a_disputed_job_stops_its_part() -> None:
    """A job that another part has is evidence, claimed by nobody anew, and a person's matter."""
    change = again(Outcome(remote_id="77"), disputed=frozenset({"77"}))
    assert change is not None
    (part,) = change.parts
    assert (part.state, part.reason, part.remote_id) == (PartState.QUARANTINED, "identity_collision", None)
    assert (change.claims, [known.remote_id for known in part.evidence]) == ((), ["77"])


def test_attempts_that_cost_nothing_leave_the_part_unsent() -> None:
    """They do not count against the most that there may be, and the next attempt has the next number."""
    assert again() is None
    assert again(Outcome(unspent="throttled")) is None
    (part,) = unsent_again(a_part(), 1, LATER, go_on=True).parts
    assert (part.state, part.attempts, part.attempts_from, part.due_at) == (PartState.PENDING, 1, 1, LATER)


def test_an_unsent_part_waits_for_a_word() -> None:
    """It holds no credits and no lane; a retry makes it pending, and a job that turns up is its first one."""
    change = unsent_again(a_part(), 0, LATER, go_on=False)
    (part,) = change.parts
    assert (part.state, part.reason, part.lane, change.ledger) == (PartState.QUARANTINED, UNSENT_REASON, None, {})
    retried = part_again(part, LATER)
    assert retried is not None
    assert retried.parts[0].state is PartState.PENDING
    learned = learn(part, "77", "list", LATER, look_at=LATER)
    assert learned is not None
    assert (learned.parts[0].state, Entry.WASTED in learned.ledger) == (PartState.SUBMITTED, False)


def test_a_second_job_of_a_quarantined_part_is_still_wasted() -> None:
    """A part that was stopped with a job of its own has had it: another one is one too many."""
    had = learn(a_part(state=PartState.QUARANTINED, remote_id="70"), "70", "answer", NOW, look_at=NOW)
    assert had is not None
    stopped = had.parts[0].model_copy(update={"state": PartState.QUARANTINED, "lane": None})
    learned = learn(stopped, "77", "list", LATER, look_at=LATER)
    assert learned is not None
    assert (learned.decision, dict(learned.ledger)) == ("duplicate_remote", {Entry.WASTED: 100})


def test_an_upload_goes_on_with_all_of_its_parts_in_one_write() -> None:
    """The ledger, the claims and the need of a word are those of its parts, summed up."""
    traces = Traces(an_attempt(), 1, remote_id="77", service="a1b2c3d4")
    submitted = attempted_again(a_part(index=1), traces, LATER)
    assert submitted is not None
    collected = a_part(state=PartState.COLLECTED, remote_id="70", service="a1b2c3d4", credits_committed=100)
    made = [collected_again(collected), submitted, unsent_again(a_part(index=2), 0, LATER, go_on=False)]
    change = rebuilt(an_upload(parts_total=3), made, LATER)
    (upload,) = change.uploads
    assert (upload.state, upload.lane, upload.due_at, upload.since) == (UploadState.RUNNING, Lane.DELIVER, LATER, LATER)
    assert [part.state for part in change.parts] == ["collected", "submitted", "quarantined"]
    assert [claim.remote_id for claim in change.claims] == ["70", "77"]
    assert dict(change.ledger) == {Entry.RESERVED: 200, Entry.COMMITTED: 200}
    assert [event.name for event in change.events] == ["needs_attention"]


@pytest.mark.parametrize(("missing", "state"), [(0, UploadState.COMPLETED), (3, UploadState.FAILED)])
def test_an_upload_with_a_result_has_ended(missing: int, state: UploadState) -> None:
    """It is kept for as long as if its record had never been lost."""
    result = a_result(missing=missing)
    change = rebuilt_ended(an_upload(state=UploadState.RUNNING), [], result, NOW + 60, 30.0)
    (upload,) = change.uploads
    assert (upload.state, upload.lane, upload.due_at, upload.result) == (state, None, None, result)
    assert (upload.finished_at, upload.retain_until) == (NOW + 60, NOW + 60 + 30 * 86_400)
