"""Whatever is decided in whatever order, by however many workers, the store stays coherent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.builders.coherence import check_coherent
from tests.builders.core_records import LEASE_SECONDS, POLICY
from tests.builders.records import a_part, a_result, an_upload
from tests.builders.stores import LossyClient, a_lossy_store, everything
from worker.core import crash, observe, resolve, retry, upload
from worker.core import part as core
from worker.core.cancel import dropped
from worker.core.change import Change, lease_change
from worker.core.line import Room, stand
from worker.core.states import PART_TERMINAL, PART_UNSPENT, PartState, UploadState
from worker.core.values import Attempt
from worker.store.errors import Full, OverBudget, Stale, Taken
from worker.store.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.core.records import PartRecord, UploadRecord
    from worker.store.store import Store

ACCOUNTS = ("one", "two")
ACTIVE_MAX, CRASHES_MAX, DAYS = 2, 3, 30.0
#: Rows of an account's day: two parts of three rows fit, a third does not.
BUDGET_ROWS = 8
UPLOADS_MAX = 3
#: How many replies of one write get lost.
LOSSES = st.sampled_from([0, 0, 0, 1, 2])
#: An upload of which nothing is wanted any more.
GIVING_UP = an_upload(state=UploadState.RUNNING, cancel_requested=True, no_collect=True)
#: Few ids, so that providers often name one that another part has.
REMOTE_IDS = ("1", "2", "3")
#: Everything that may be decided on a part, each where it may be; what leads on comes more than once.
PART_DECISIONS: list[Callable[[PartRecord, float, int], Change | None]] = [
    lambda p, now, n: _reserve(p, now, n) if p.state in PART_UNSPENT else None,
    lambda p, now, _: _intent(p, now) if p.state in PART_UNSPENT and p.credits_reserved else None,
    lambda p, now, n: _answer(p, now, n) if p.state is PartState.INTENT else None,
    lambda p, now, n: _answer(p, now, n) if p.state in PART_UNSPENT else None,
    lambda p, now, n: core.learn(p, REMOTE_IDS[n % 3], "list", now, look_at=now),
    lambda p, now, _: core.refused(p, now, "refused", "") if p.state is PartState.INTENT else None,
    lambda p, now, n: core.hold(p, now, "throttled", now + n) if _unsent(p) else None,
    lambda p, now, n: stand(core.hold(p, now, "own_rate", now + n)) if _unsent(p) else None,
    lambda p, now, _: core.cancel(p, now) if p.state in PART_UNSPENT else None,
    lambda p, now, n: dropped(p, GIVING_UP, now) if not n % 3 else None,
    lambda p, now, _: core.quarantine(p, now, "outcome_unknown", "") if _live(p) else None,
    lambda p, now, _: crash.poisoned(p, now, days=DAYS) if _live(p) else None,
    lambda p, now, _: crash.crashed(p, now, "E", crashes_max=CRASHES_MAX, days=DAYS) if _live(p) else None,
    lambda p, now, n: _look(p, now, n) if p.state is PartState.SUBMITTED else None,
    lambda p, now, _: observe.not_seen(p, now, POLICY) if p.state is PartState.SUBMITTED else None,
    lambda p, now, _: lease_change(p.leased("h", now, LEASE_SECONDS)) if _live(p) else None,
    lambda p, now, _: retry.part_again(p, now),
    lambda p, now, n: _resolved(p, now, n) if p.state is PartState.QUARANTINED else None,
    lambda p, now, n: _collect_later(p, now, n) if p.state is PartState.FINISHED else None,
    lambda p, now, n: stand(_collect_later(p, now, n), now + 50 * n) if p.state is PartState.FINISHED else None,
    lambda p, now, n: _collected(p, now, n) if p.state is PartState.FINISHED else None,
]


def _live(part: PartRecord) -> bool:
    return part.state not in PART_TERMINAL | {PartState.QUARANTINED}


def _unsent(part: PartRecord) -> bool:
    return part.state in PART_UNSPENT | {PartState.INTENT}


def _reserve(part: PartRecord, now: float, number: int) -> Change:
    limits: Any = {"intents_max": 1 if number % 2 else None, "rows_per_day_max": BUDGET_ROWS if number % 3 else None}
    return core.reserve(part, "h", now, LEASE_SECONDS, active_max=ACTIVE_MAX, **limits)


def _intent(part: PartRecord, now: float) -> Change:
    attempt = Attempt(number=part.attempts + 1, object="attempts/t/1.json", at=now, over_at=now + LEASE_SECONDS)
    return core.intent(part, attempt, now)


def _answer(part: PartRecord, now: float, number: int) -> Change:
    how = "answer" if part.state is PartState.INTENT else "attempt_record"
    return core.submitted(part, REMOTE_IDS[number % 3], how, now, look_at=now + number)


def _look(part: PartRecord, now: float, number: int) -> Change:
    status = ("finished", "aborted", "running", "unknown")[number % 4]
    return observe.observed(part, observe.Seen(status, status, progress=number / 100), now, POLICY)


def _resolved(part: PartRecord, now: float, number: int) -> Change | None:
    recorded, alive = resolve.Recorded(), an_upload(state=UploadState.ATTENTION)
    job = resolve.Job(known=True, service="s")
    decided = (
        resolve.adopt(part, alive, recorded, REMOTE_IDS[number % 3], now, job=job),
        resolve.resubmit(part, alive, recorded, now),
        resolve.give_up(part, now),
    )[number % 3]
    return None if isinstance(decided, resolve.Refusal) else decided


def _collect_later(part: PartRecord, now: float, number: int) -> Change:
    return core.collect_later(part, now, "unavailable", "", now + number)


def _collected(part: PartRecord, now: float, number: int) -> Change:
    same = bool(number % 2)
    return core.collected(part, now, rows_returned=1, verdicts_object="v", verdicts_digest="d", same_values=same)


def _next_on_the_way(part: PartRecord, now: float, number: int) -> Change | None:
    match part.state:
        case PartState.PENDING | PartState.HELD:
            return _intent(part, now) if part.credits_reserved else _reserve(part, now, number)
        case PartState.INTENT:
            return _answer(part, now, part.index + number)
        case PartState.SUBMITTED:
            return _look(part, now, 0)
        case PartState.FINISHED:
            return _collected(part, now, number)
    return None


class Decisions(RuleBasedStateMachine):
    """Uploads of two accounts, decided on in any order through a store that loses replies."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.client.flushdb()
        self.written: list[Change] = []
        self.uploads = 0

    def commit(self, change: Change, losses: int = 0) -> None:
        """Write a decision; a refusal must have written nothing."""
        client = self.store.client
        assert isinstance(client, LossyClient)
        before = everything(self.store)
        client.losses = losses
        try:
            self.store.commit(change)
        except (Stale, Taken, Full, OverBudget):
            assert everything(self.store) == before
        else:
            self.written.append(change)
        finally:
            client.losses = 0

    @precondition(lambda self: self.uploads < UPLOADS_MAX)
    @rule(account=st.sampled_from(ACCOUNTS), parts=st.integers(1, 3), losses=LOSSES)
    def begin(self, account: str, parts: int, losses: int) -> None:
        """A new upload is accepted and prepared."""
        now, name = self.store.now(), f"list-{self.uploads}"
        self.uploads += 1
        self.commit(upload.accept(an_upload(name, account=account, now=now), "1-0"), losses)
        preparing = upload.preparing(an_upload(name, account=account, now=now).written(), "h", now, LEASE_SECONDS)
        self.commit(preparing, losses)
        staged = upload.Prepared({}, "input", 9, rows=9, empty=0, folded=0, withheld=0, distinct=9)
        born = [a_part(name, index, account=account, now=now, rows=3) for index in range(parts)]
        self.commit(upload.prepared(preparing.uploads[0].written(), staged, born, now, 300.0), losses)

    @precondition(lambda self: self.uploads)
    @rule(which=st.integers(0, 5), steps=st.integers(1, 6), n=st.integers(0, 2), losses=LOSSES)
    def go_on(self, which: int, steps: int, n: int, losses: int) -> None:
        """A part goes some steps along the way of a part that nothing happens to."""
        for _ in range(steps):
            part = self.part(which)
            change = _next_on_the_way(part, self.store.now(), n)
            if change is None:
                return
            self.commit(change, losses)

    def part(self, which: int) -> PartRecord:
        """One of all parts, as it is now."""
        record = self.store.upload(f"list-{which % self.uploads}")
        assert record is not None
        part = self.store.part(f"{record.upload_id}/{which % record.parts_total}")
        assert part is not None
        return part

    @precondition(lambda self: self.uploads)
    @rule(which=st.integers(0, 5), choices=st.lists(st.integers(0, 99), min_size=1, max_size=8), losses=LOSSES)
    def decide_on_a_part(self, which: int, choices: list[int], losses: int) -> None:
        """Workers decide on a part as it is then, several times in a row."""
        for choice in choices:
            part, now = self.part(which), self.store.now()
            possible = [decide(part, now, choice) for decide in PART_DECISIONS]
            changes = [change for change in possible if change is not None]
            if changes:
                self.commit(changes[choice % len(changes)], losses)

    @precondition(lambda self: self.uploads)
    @rule(which=st.integers(0, 5), cancel=st.booleans(), losses=LOSSES)
    def settle(self, which: int, cancel: bool, losses: int) -> None:
        """A worker looks at an upload as a whole, delivers it when it can, or somebody cancels it."""
        record, now = self.store.upload(f"list-{which % self.uploads}"), self.store.now()
        if record is None or record.terminal:
            return
        if cancel:
            self.commit(upload.request_cancel(record, now), losses)
        elif record.lane is not None:
            self.commit(self.settled(record, now), losses)

    def settled(self, record: UploadRecord, now: float) -> Change:
        """What settling or delivering an upload decides."""
        if record.state is UploadState.DELIVERING:
            return upload.delivered(record, a_result(), 0, now, DAYS)
        standing = upload.Standing(self.store.part_counts(record.upload_id))
        return upload.settle(record, standing, "h", now, lease=LEASE_SECONDS, safety=300.0)

    @precondition(lambda self: self.written)
    @rule(which=st.integers(0, 999))
    def repeat_an_old_decision(self, which: int) -> None:
        """A worker that was frozen wakes up and writes what it decided long ago: it is stale, and writes nothing."""
        before = everything(self.store)
        try:
            self.store.commit(self.written[which % len(self.written)])
        except (Stale, Taken, Full, OverBudget):
            assert everything(self.store) == before
        else:
            raise AssertionError("a decision was written twice")

    @rule(seconds=st.sampled_from([0.0, 100.0, 1_000.0]), most=st.integers(1, 5))
    def claim_what_is_overdue(self, seconds: float, most: int) -> None:
        """A timekeeper claims what was not looked at in time."""
        self.store.clock_offset_seconds = seconds
        self.store.claim_overdue(10.0, 60.0, most)
        self.store.clock_offset_seconds = 0.0

    @rule(
        account=st.sampled_from(ACCOUNTS),
        seconds=st.sampled_from([0.0, 100.0]),
        most=st.integers(0, 3),
        intents=st.sampled_from([None, 1]),
    )
    def call_up(self, account: str, seconds: float, most: int, intents: int | None) -> None:
        """A timekeeper calls up who stands in the account's lines."""
        self.store.clock_offset_seconds = seconds
        Lines(self.store).call_up(account, Room(most, most, 0.1, 4, ACTIVE_MAX, intents))
        self.store.clock_offset_seconds = 0.0

    @invariant()
    def everything_is_coherent(self) -> None:
        """Records, indexes, due set, counts, claims and ledger agree after every step."""
        check_coherent(self.store)


def test_no_order_of_decisions_makes_the_store_incoherent(redis_url: str) -> None:
    """After every decision, refusal, lost reply, repetition and claim, all indexes follow from the records."""
    Decisions.store = a_lossy_store(redis_url, losses=0)
    try:
        run_state_machine_as_test(Decisions, settings=settings(max_examples=70, stateful_step_count=25))
    finally:
        Decisions.store.client.close()
