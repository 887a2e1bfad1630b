"""Submit, step by step: what was attempted and not seen through is resolved by its record, and never sent twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.builders.coherence import check_coherent
from tests.builders.line import Line, running_line
from worker.actors import prepare, reconcile, submit
from worker.actors.attempts import FOLLOWED, Outcome, attempt_name, close_attempt, outcome_of
from worker.actors.unresolved import search_rules
from worker.core.account import echo_proven
from worker.core.part import intent, reserve
from worker.core.search import Grounds, Unproven, Walked, judge
from worker.core.states import PartState
from worker.core.token import remote_name
from worker.core.values import Attempt
from worker.providers.errors import OwnRateReached
from worker.providers.sandbox.faults import Fault
from worker.providers.sandbox.values import spool_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.providers.port import Submission, Submitted

LIST = "email\none@example.com\ntwo@example.com\n"


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose steps run only when a test calls them."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line


def pending_part(line: Line, upload_id: str = "one") -> PartRecord:
    """A part that is ready to be submitted."""
    line.submit(line.file("list.csv", LIST), "ipqs-main", upload_id=upload_id)
    prepare.run(line.plant.context, upload_id, line.upload(upload_id).epoch)
    (part,) = line.parts(upload_id)
    assert part.state is PartState.PENDING
    return part


def abandoned_attempt(line: Line) -> PartRecord:
    """A part whose worker died after it had recorded its attempt, with its lease over."""
    context = line.plant.context
    part = pending_part(line).model_copy(update={"service": context.accounts["ipqs-main"].service})
    now = context.store.now()
    reserved = reserve(part, "gone", now, 0.0, active_max=9, intents_max=None).parts[0]
    context.store.commit(reserve(part, "gone", now, 0.0, active_max=9, intents_max=None))
    name = attempt_name(part.token, 1)
    assert context.storage.create(name, b"{}")
    attempt = Attempt(number=1, object=name, at=now, over_at=now)
    context.store.commit(intent(reserved.written(), attempt, now))
    return line.parts("one")[0]


def step(line: Line, part: PartRecord) -> PartRecord:
    """Run the submit step for a part and read the part again."""
    submit.run(line.plant.context, part.part_id, part.epoch)
    return line.parts(part.upload_id)[0]


def test_an_accepted_part_has_its_id_and_its_outcome_recorded(line: Line) -> None:
    """After one request the part has its remote id, storage its outcome, and the provider one job."""
    part = step(line, pending_part(line))
    (charge,) = line.ipqs.ledger
    assert (part.state, part.remote_id) == (PartState.SUBMITTED, str(charge.remote_id))
    assert outcome_of(line.plant.context.storage, part.token, 1) == Outcome(remote_id=part.remote_id)
    assert (part.credits_reserved, part.credits_committed) == (0, 2)


def test_an_answer_that_only_storage_remembers_is_adopted(line: Line) -> None:
    """A worker that dies between the answer and the store has not lost the answer."""
    part = abandoned_attempt(line)
    close_attempt(line.plant.context.storage, part.token, 1, Outcome(remote_id="4711"))
    adopted = step(line, part)
    assert (adopted.state, adopted.remote_id) == (PartState.SUBMITTED, "4711")
    assert adopted.evidence[0].how == "attempt_record"
    assert not line.ipqs.ledger


def test_a_refusal_that_only_storage_remembers_frees_the_part_for_another_attempt(line: Line) -> None:
    """An attempt that is known to have cost nothing is followed by the next one, under its own number."""
    part = abandoned_attempt(line)
    close_attempt(line.plant.context.storage, part.token, 1, Outcome(unspent="throttled"))
    held = step(line, part)
    assert (held.state, held.reason, held.credits_reserved) == (PartState.HELD, "attempt_known", 0)
    submitted = step(line, held)
    assert (submitted.state, submitted.attempts) == (PartState.SUBMITTED, 2)
    assert len(line.ipqs.ledger) == 1


def test_a_job_that_turned_up_late_is_remembered_by_storage_whatever_the_store_has_forgotten(line: Line) -> None:
    """An attempt that was followed by another, and answered after all, is adopted by a store that is empty."""
    part, storage = pending_part(line), line.plant.context.storage
    assert storage.create(attempt_name(part.token, 1), b"{}")
    close_attempt(storage, part.token, 1, Outcome(unspent=FOLLOWED))
    close_attempt(storage, part.token, 1, Outcome(remote_id="4711"))
    adopted = step(line, part)
    assert (adopted.state, adopted.remote_id) == (PartState.SUBMITTED, "4711")
    assert not line.ipqs.ledger


def test_a_job_that_the_list_and_the_answer_tell_of_is_written_down_once(line: Line) -> None:
    """Whoever comes second has learned nothing that storage does not know; another job is kept beside the first."""
    part, storage = pending_part(line), line.plant.context.storage
    for _ in range(2):
        close_attempt(storage, part.token, 1, Outcome(remote_id="4711"))
    assert len(list(storage.list("attempts"))) == 1
    close_attempt(storage, part.token, 1, Outcome(remote_id="4712"))
    assert len(list(storage.list("attempts"))) == 2
    assert outcome_of(storage, part.token, 1) == Outcome(remote_id="4711")


def test_a_store_that_was_set_back_does_not_follow_a_job_that_turned_up_late(line: Line) -> None:
    """Back at a time when the next attempt was due, it adopts the job that storage knows of, with one charge."""
    part, storage = abandoned_attempt(line), line.plant.context.storage
    close_attempt(storage, part.token, 1, Outcome(unspent=FOLLOWED))
    due = step(line, part)
    assert (due.state, due.attempts) == (PartState.HELD, 1)
    close_attempt(storage, part.token, 1, Outcome(remote_id="4711"))
    adopted = step(line, due)
    assert (adopted.state, adopted.remote_id, adopted.credits_reserved) == (PartState.SUBMITTED, "4711", 0)
    assert not line.ipqs.ledger
    check_coherent(line.plant.context.store)


def test_a_job_that_the_list_shows_late_is_remembered_by_storage(line: Line) -> None:
    """A walk that shows the job of an attempt which was closed without one writes that down."""
    part, context = pending_part(line), line.plant.context
    context.storage.create(attempt_name(part.token, 1), b'{"upload_id": "one", "part": 0}')
    close_attempt(context.storage, part.token, 1, Outcome(unspent=FOLLOWED))
    assert step(line, part).attempts == 1
    spool = spool_values(["one@example.com"], line.ipqs.folder, lambda _: "clean", deduplicate=False)
    job = line.ipqs.accept(spool, name=remote_name(part.token, ""), type_word="email")
    assert job is not None
    reconcile.run(context, "ipqs-main", 0)
    assert line.parts("one")[0].remote_id == str(job.remote_id)
    assert outcome_of(context.storage, part.token, 1) == Outcome(remote_id=str(job.remote_id))


def test_an_attempt_without_a_known_outcome_is_never_followed_by_another(line: Line) -> None:
    """The list is searched instead, the reservation is held, and nothing is sent."""
    part = step(line, abandoned_attempt(line))
    assert (part.state, part.credits_reserved) == (PartState.INTENT, 2)
    assert line.ipqs.calls["list"]
    assert not line.ipqs.calls["submit"]


def test_an_attempt_that_redis_forgot_stops_the_part(line: Line) -> None:
    """An attempt record that is there already means that somebody may have spent: search, never send."""
    part = pending_part(line)
    line.plant.context.storage.create(attempt_name(part.token, 1), b"{}")
    stopped = step(line, part)
    assert (stopped.state, stopped.reason) == (PartState.INTENT, "unresolved_attempt")
    assert step(line, stopped).searches == 1
    assert not line.ipqs.calls["submit"]


def test_nothing_is_sent_when_the_attempt_cannot_be_recorded(line: Line) -> None:
    """With storage refusing, the part waits, unspent, and its reservation is released."""
    part = pending_part(line)
    (line.folder / "storage" / "attempts").write_text("in the way of the folder")
    held = step(line, part)
    assert (held.state, held.reason, held.credits_reserved) == (PartState.HELD, "storage_unavailable", 0)
    assert not line.ipqs.calls["submit"]


def test_a_lease_outlasts_the_deadline_of_its_request(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline counts from before the lease was taken, so that nothing is sent any more once that is over."""
    part = pending_part(line)
    context = line.plant.context
    leased_at: list[float] = []
    left_seconds: list[float] = []
    sent: list[Submission] = []
    commit, send = context.store.commit, context.accounts["ipqs-main"].provider.submit

    def timed_commit(change: Change) -> object:
        leased_at.append(time.monotonic())
        return commit(change)

    def noted_submit(submission: Submission) -> Submitted:
        sent.append(submission)
        (intent,) = line.parts("one")
        assert intent.lease is not None
        left_seconds.append(intent.lease.until - context.store.now())
        return send(submission)

    monkeypatch.setattr(context.store, "commit", timed_commit)
    monkeypatch.setattr(context.accounts["ipqs-main"].provider, "submit", noted_submit)
    assert step(line, part).state is PartState.SUBMITTED
    (submission,) = sent
    assert left_seconds[0] >= submission.deadline_seconds
    assert submission.since < leased_at[0]


def test_an_unforeseen_failure_while_sending_counts_as_an_unknown_outcome(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong once the request may have left, the part stops and the attempt stays open."""

    def fail(_submission: object) -> None:
        raise RuntimeError("unforeseen")

    part = pending_part(line)
    provider = line.plant.context.accounts["ipqs-main"].provider
    monkeypatch.setattr(provider, "submit", fail, raising=False)
    stopped = step(line, part)
    assert (stopped.state, stopped.reason) == (PartState.INTENT, "outcome_unknown")
    assert stopped.attempt is not None


def test_a_remote_id_of_another_part_is_not_taken_over(line: Line) -> None:
    """A provider that answers with a job that is another part's stops the part: one of the two is wrong."""
    part = pending_part(line)
    scope = line.plant.context.accounts["ipqs-main"].remote_scope
    line.plant.context.store.client.hset(f"bulkverify:remote:{scope}", str(line.ipqs.knobs.first_id), "other/0")
    stopped = step(line, part)
    assert (stopped.state, stopped.reason) == (PartState.QUARANTINED, "identity_collision")


def test_a_part_that_only_found_a_job_by_its_time_gives_way_to_the_one_that_was_answered(line: Line) -> None:
    """The answer is certain: the job is its part's, and the other one's attempt is searched for again."""
    context, connected = line.plant.context, line.plant.context.accounts["ipqs-main"]
    lost, now = abandoned_attempt(line), line.plant.context.store.now()
    job = Unproven(str(line.ipqs.knobs.first_id), lost.kind, lost.rows, now)
    found = Walked(began_at=now, complete=True, jobs=1, controls={}, named_controls={}, unproven=(job,))
    unnamed = Grounds(named=False, ask=False, alive=False)
    context.apply(judge(lost, found, search_rules(context.settings), unnamed, now))
    assert line.parts("one")[0].provisional
    answered = pending_part(line, "two")
    submit.run(context, answered.part_id, answered.epoch)
    (charge,) = line.ipqs.ledger
    (answered,), (reopened,) = line.parts("two"), line.parts("one")
    assert (answered.state, answered.remote_id) == (PartState.SUBMITTED, str(charge.remote_id))
    assert context.store.part_of_remote(connected.remote_scope, job.remote_id) == answered.part_id
    assert (reopened.state, reopened.remote_id, reopened.provisional) == (PartState.INTENT, None, False)
    assert (reopened.excluded, reopened.credits_reserved) == ((job.remote_id,), reopened.rows)
    assert reopened.attempt is not None


def test_a_late_answer_resolves_a_part_that_was_given_up(line: Line) -> None:
    """A remote id that arrives after the part went into quarantine is a fact, and resolves it."""
    part = step(line, abandoned_attempt(line))
    submit.learn(line.plant.context, part.part_id, "4711", "late_answer")
    (resolved,) = line.parts("one")
    assert (resolved.state, resolved.remote_id) == (PartState.SUBMITTED, "4711")


def test_an_answer_that_outlives_its_part_belongs_to_the_one_made_anew(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is emptied and the list asked for again while its submit waits: the answer's job is the new part's."""
    part = pending_part(line)
    connected = line.plant.context.accounts["ipqs-main"]
    send = connected.provider.submit

    def forgetful(submission: Submission) -> Submitted:
        accepted = send(submission)
        line.plant.context.store.client.flushdb()
        line.intake.prepare()
        line.submit(line.folder / "list.csv", "ipqs-main", upload_id="one")
        assert [part.state for part in line.parts("one")] == [PartState.INTENT]
        return accepted

    monkeypatch.setattr(connected.provider, "submit", forgetful)
    adopted = step(line, part)
    (charge,) = line.ipqs.ledger
    assert (adopted.state, adopted.remote_id) == (PartState.SUBMITTED, str(charge.remote_id))
    assert adopted.service == connected.service


def test_a_late_answer_with_the_id_of_another_part_is_kept_and_not_believed(line: Line) -> None:
    """Such an id resolves nothing: the part stays in quarantine, for that reason, with the id among its evidence."""
    part = step(line, abandoned_attempt(line))
    line.plant.context.store.client.hset(f"bulkverify:remote:{part.remote_scope}", "4711", "other/0")
    submit.learn(line.plant.context, part.part_id, "4711", "late_answer")
    (kept,) = line.parts("one")
    assert (kept.state, kept.reason) == (PartState.QUARANTINED, "identity_collision")
    assert [(known.remote_id, known.how) for known in kept.evidence] == [("4711", "another_parts_id")]
    assert kept.attempt is not None


def test_a_second_job_for_a_part_is_kept_as_evidence_and_counted_as_wasted(line: Line) -> None:
    """A remote id that turns up for a part which has one is never used and never forgotten."""
    part = step(line, pending_part(line))
    submit.learn(line.plant.context, part.part_id, "4711", "list")
    submit.learn(line.plant.context, part.part_id, "4711", "list")
    (kept,) = line.parts("one")
    assert kept.remote_id == part.remote_id
    assert [known.remote_id for known in kept.evidence] == [part.remote_id, "4711"]
    assert line.plant.context.store.client.hget("bulkverify:ledger:ipqs-main", "wasted") == "2"


def test_one_attempt_at_a_time_until_a_name_was_echoed(line: Line) -> None:
    """Before an answer has shown one of our tokens a second part waits for a place, and is woken when there is one."""
    part = pending_part(line)
    context = line.plant.context
    context.store.client.sadd("bulkverify:intents:ipqs-main", "other/0")
    held = step(line, part)
    assert (held.state, held.reason) == (PartState.HELD, "limit_intents")
    context.store.client.srem("bulkverify:intents:ipqs-main", "other/0")
    assert step(line, held).state is PartState.SUBMITTED


def test_no_attempt_is_recorded_without_a_call_token(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With the account's call rate used up the part waits, and no attempt was begun for it."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        part = pending_part(line)
        gate = line.plant.context.accounts["ipqs-main"].gate
        line.plant.context.store.client.set("bulkverify:rate:ipqs-main", f"{line.plant.context.store.now() + 60:.6f}")
        with pytest.raises(OwnRateReached):
            gate.acquire("list")
        held = step(line, part)
        assert (held.state, held.reason, held.attempts) == (PartState.HELD, "own_rate", 0)
        assert not list(line.plant.context.storage.list("attempts"))


def test_one_walk_serves_every_open_attempt_of_an_account(line: Line) -> None:
    """Two parts whose answers were lost are found by the same pages of the list."""
    context = line.plant.context
    line.ipqs.knobs.faults += [
        Fault(operation="submit", kind="answer_lost"),
        Fault(operation="submit", kind="answer_lost"),
    ]
    store = context.store
    change = echo_proven(store.account("ipqs-main", "ipqs"))
    assert change is not None
    store.commit(change)
    lost = []
    for name in ("one", "two"):
        upload_id = line.submit(line.file(f"{name}.csv", f"email\n{name}@example.com\n"), "ipqs-main", upload_id=name)
        prepare.run(context, upload_id, line.upload(upload_id).epoch)
        lost.append(step(line, line.parts(upload_id)[0]))
    assert [part.state for part in lost] == [PartState.INTENT, PartState.INTENT]
    store.clock_offset_seconds += 60.0
    for part in lost:
        step(line, part)
    assert [line.parts(part.upload_id)[0].state for part in lost] == [PartState.SUBMITTED, PartState.SUBMITTED]
    # The page, and its head once more.
    assert line.ipqs.calls["list"] == 2
