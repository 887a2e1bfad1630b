"""Pauses of an account: what they keep back, and the one free call that ends each of them."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import Line, poll_now, running_line
from worker.actors import collect, prepare, submit
from worker.actors.accounts import kept_back, pause_account
from worker.core.account import PROBE_SECONDS, Paused, Waiting, echo_proven, pause_of, paused_by, probe
from worker.core.observe import Seen, observed
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import Lease, Pause
from worker.providers.errors import (
    CredentialsRejected,
    Malformed,
    NotSent,
    OutOfCredits,
    OwnRateReached,
    QuotaUsedUp,
    Throttled,
    Unavailable,
)
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from worker.context import Context
    from worker.core.records import AccountRecord, PartRecord
    from worker.providers.errors import ProviderError

ACCOUNT = "ipqs-main"
#: Seconds after which every pause is over.
LATER_SECONDS = 3_700.0
THREADS = 20
FOUR = "email\na@example.com\nb@example.com\nc@example.com\nd@example.com\n"


@dataclass
class Hints:
    """Keeps what would be sent."""

    sent: list[tuple[Lane, str, float]] = field(default_factory=list)

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Keep it."""
        self.sent.append((lane, item, delay_seconds))


@dataclass
class Bench:
    """A line whose steps run only when a test calls them."""

    line: Line
    context: Context
    hints: Hints

    def account(self) -> AccountRecord:
        """The account as it is now."""
        return self.context.store.account(ACCOUNT, "ipqs")

    def pause(self, error: ProviderError) -> Pause:
        """Pause the account for an error, and let the time of the pause pass."""
        pause_account(self.context, ACCOUNT, "ipqs", error)
        self.context.store.clock_offset_seconds += LATER_SECONDS
        return pause_of(self.account(), paused_by(error.reason))

    def kept_back(self, rows: int | None = None) -> Waiting | None:
        """What keeps the account from being called."""
        return kept_back(self.context, self.context.accounts[ACCOUNT], spends_rows=rows)

    def prepared(self, upload_id: str = "one") -> list[PartRecord]:
        """A list of four parts of one row each."""
        self.line.submit(self.line.file(f"{upload_id}.csv", FOUR), ACCOUNT, upload_id=upload_id)
        prepare.run(self.context, upload_id, self.line.upload(upload_id).epoch)
        return self.line.parts(upload_id)

    def submit(self, part: PartRecord) -> PartRecord:
        """Run the submit step for the part as it is now; the part after it."""
        (present,) = self.context.store.parts([part.part_id])
        submit.run(self.context, part.part_id, present.epoch)
        (after,) = self.context.store.parts([part.part_id])
        return after

    def calls(self) -> int:
        """Calls that the provider got, of every kind."""
        return sum(self.line.ipqs.calls.values())


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Bench]:
    """Yield a bench whose lists have parts of one row."""
    with running_line(tmp_path, redis_url, broker_url, start=False, max_part_rows=1) as line:
        hints = Hints()
        yield Bench(line, dataclasses.replace(line.plant.context, hints=hints), hints)


@pytest.mark.parametrize("error", [Throttled(), OutOfCredits()], ids=["calls", "spending"])
def test_of_many_callers_one_asks_and_all_others_wait_for_its_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: ProviderError
) -> None:
    """When a pause is over, twenty callers make one call; while it lasts nobody else calls, and then everybody may."""
    bench.pause(error)
    provider = bench.context.accounts[ACCOUNT].provider
    others_answered, answers = threading.Event(), []
    before, asks = bench.calls(), "credits" if error.reason == "out_of_credits" else "list_page"
    real: Callable[[], Any] = getattr(provider, asks)

    def ask() -> object:
        assert others_answered.wait(20)
        return real()

    monkeypatch.setattr(provider, asks, ask, raising=False)

    def call() -> Waiting | None:
        answer = bench.kept_back(rows=1)
        answers.append(answer)
        if len(answers) == THREADS - 1:
            others_answered.set()
        return answer

    with ThreadPoolExecutor(THREADS) as threads:
        told = [future.result(30) for future in [threads.submit(call) for _ in range(THREADS)]]
    assert bench.calls() - before == 1
    waited = [answer for answer in told if answer is not None]
    assert (len(waited), {answer.reason for answer in waited}) == (THREADS - 1, {error.reason})
    assert all(0 < answer.until - bench.context.store.now() <= PROBE_SECONDS for answer in waited)
    assert bench.kept_back(rows=1) is None
    assert bench.calls() - before == 1


def test_without_credits_what_is_paid_for_is_looked_at_and_collected(bench: Bench) -> None:
    """A pause of spending holds the next part, and keeps neither a poll nor a download back; they do not end it."""
    first, second, *_ = bench.prepared()
    assert bench.submit(first).state is PartState.SUBMITTED
    pause_account(bench.context, ACCOUNT, "ipqs", OutOfCredits())
    held = bench.submit(second)
    assert (held.state, held.reason) == (PartState.HELD, "out_of_credits")

    def looked() -> PartRecord:
        poll_now(bench.context, ACCOUNT)
        return bench.line.parts("one")[0]

    wait_until(lambda: looked().state is PartState.FINISHED, what="the first part finished")
    collect.run(bench.context, first.part_id, looked().epoch)
    assert bench.line.parts("one")[0].state is PartState.COLLECTED
    assert bench.account().spending_pause.reason == "out_of_credits"


@pytest.mark.parametrize("error", [Throttled(), Unavailable(), Malformed(), CredentialsRejected()])
def test_what_hinders_every_call_holds_looks_and_submits(bench: Bench, error: ProviderError) -> None:
    """No call at all is made before the end of such a pause."""
    pause_account(bench.context, ACCOUNT, "ipqs", error)
    before = bench.calls()
    for rows in (None, 1):
        assert getattr(bench.kept_back(rows), "reason", None) == error.reason
    assert bench.calls() == before


@pytest.mark.parametrize("error", [OutOfCredits(), QuotaUsedUp(), NotSent()])
def test_what_hinders_only_submits_holds_nothing_else(bench: Bench, error: ProviderError) -> None:
    """A look may be made at once, and one after the pause makes no call more than its own."""
    pause_account(bench.context, ACCOUNT, "ipqs", error)
    assert bench.kept_back(rows=1) is not None
    assert bench.kept_back() is None
    bench.context.store.clock_offset_seconds = LATER_SECONDS
    before = bench.calls()
    assert bench.kept_back() is None
    assert bench.calls() == before


def test_the_probe_for_credits_is_free_and_a_balance_that_does_not_cover_the_part_pauses_for_longer(
    bench: Bench,
) -> None:
    """No submit is tried while the balance is too small; the part says so, the pause grows, and credits end it."""
    bench.line.ipqs.knobs.credits = 0
    parts = bench.prepared()
    for part in parts:
        bench.submit(part)
    submits = bench.line.ipqs.calls["submit"]
    assert submits == 1
    for failures in (2, 3):
        bench.context.store.clock_offset_seconds += LATER_SECONDS
        held = bench.submit(parts[0])
        pause = bench.account().spending_pause
        assert (held.reason, pause.failures) == ("out_of_credits", failures)
        assert held.message == "The account has 0 credits and the part needs 1."
        assert (held.due_at or 0) > pause.until
    assert bench.line.ipqs.calls["submit"] == submits
    bench.line.ipqs.knobs.credits = 4
    bench.context.store.clock_offset_seconds += LATER_SECONDS
    assert bench.submit(parts[1]).state is PartState.SUBMITTED
    assert bench.account().spending_pause == Pause()
    assert [bench.submit(part).state for part in (parts[0], *parts[2:])] == [PartState.SUBMITTED] * 3


def test_a_probe_that_fails_pauses_for_longer_and_wakes_nobody(bench: Bench) -> None:
    """The failure counts for the next pause, and after that somebody else may find out."""
    bench.pause(Unavailable())
    bench.line.ipqs.knobs.faults.append(Fault(operation="list", kind="http_503"))
    told = bench.kept_back()
    pause = bench.account().calls_pause
    assert told is not None
    assert (told.until, pause.failures, pause.probe) == (pause.until, 2, None)
    assert pause.until > bench.context.store.now()
    assert bench.hints.sent == []
    bench.context.store.clock_offset_seconds += LATER_SECONDS
    assert bench.kept_back() is None


def test_a_probe_about_credits_that_cannot_be_made_leaves_the_pause_as_it_was(bench: Bench) -> None:
    """A provider that is away says nothing of credits: all calls are paused, and the probe is free for the next."""
    bench.pause(OutOfCredits())
    bench.line.ipqs.knobs.faults.append(Fault(operation="credits", kind="http_503"))
    told = bench.kept_back(rows=1)
    account = bench.account()
    assert told is not None
    assert (told.reason, account.calls_pause.reason) == ("unavailable", "unavailable")
    assert (account.spending_pause.reason, account.spending_pause.failures) == ("out_of_credits", 1)
    assert account.spending_pause.probe is None
    bench.context.store.clock_offset_seconds += LATER_SECONDS
    assert bench.kept_back(rows=1) is None


def test_a_prober_that_dies_holds_others_for_no_longer_than_its_lease(bench: Bench) -> None:
    """The lease ends by itself, and the next caller finds out."""
    bench.pause(Throttled())
    now = bench.context.store.now()
    bench.context.store.commit(probe(bench.account(), Paused.CALLS, Lease(owner="gone", until=now + PROBE_SECONDS)))
    assert bench.kept_back() == Waiting("throttled", now + PROBE_SECONDS)
    bench.context.store.clock_offset_seconds += PROBE_SECONDS
    assert bench.kept_back() is None
    assert bench.account().calls_pause.reason == ""


def test_a_probe_for_which_there_is_no_call_left_is_given_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account's own call rate says nothing about the provider: the pause stays as it is, and the probe is free."""
    before = bench.pause(Throttled())

    def none_left() -> object:
        raise OwnRateReached(retry_after_seconds=3.0)

    with monkeypatch.context() as patched:
        patched.setattr(bench.context.accounts[ACCOUNT].provider, "list_page", none_left, raising=False)
        told = bench.kept_back()
    assert told is not None
    assert told.reason == "own_rate"
    assert bench.account().calls_pause == before
    assert bench.kept_back() is None


def test_the_end_of_a_pause_calls_up_as_many_as_there_is_room_for(bench: Bench) -> None:
    """Whoever the pause has held stands in line: nobody is woken in vain, and each call's time is the next one's."""
    parts = bench.prepared()
    assert bench.submit(parts[0]).state is PartState.SUBMITTED
    parts = [*parts[1:], *bench.prepared("two")]
    bench.pause(OutOfCredits())
    pause_account(bench.context, ACCOUNT, "ipqs", OutOfCredits())
    for part in parts:
        bench.submit(part)
    bench.context.store.clock_offset_seconds += LATER_SECONDS
    bench.hints.sent.clear()
    assert bench.kept_back(rows=1) is None
    # Both lists by turns: the second one comes where the first one is called.
    turns = ["one/1", "two/0", "one/2", "two/1", "one/3", "two/2", "two/3"]
    assert [item for _, item, _ in bench.hints.sent] == turns
    interval = 1 / bench.context.accounts[ACCOUNT].account.requests_per_second
    delays = [delay for _, _, delay in bench.hints.sent]
    assert delays == sorted(delays)
    assert 0 < delays[-1] <= len(turns) * interval
    bench.hints.sent.clear()
    bench.context.wake_next(ACCOUNT)
    assert bench.hints.sent == []


def test_a_pause_whose_time_is_over_calls_one_part_to_find_out(bench: Bench) -> None:
    """While it lasts nobody in the line is called, and at its end the first of them is, and no other."""
    for part in (parts := bench.prepared()):
        pause_account(bench.context, ACCOUNT, "ipqs", Throttled())
        assert bench.submit(part).reason == "throttled"
    bench.hints.sent.clear()
    bench.context.wake_next(ACCOUNT)
    assert bench.hints.sent == []
    bench.context.store.clock_offset_seconds += LATER_SECONDS
    for _ in range(3):
        bench.context.wake_next(ACCOUNT)
    assert [item for _, item, _ in bench.hints.sent] == [parts[0].part_id]


def test_a_look_too_many_at_a_held_part_leaves_nothing_behind(bench: Bench) -> None:
    """A doubled message finds the part waiting for the same: nothing is written, and no further message is sent."""
    part, *_ = bench.prepared()
    pause_account(bench.context, ACCOUNT, "ipqs", Throttled())
    held = bench.submit(part)
    bench.hints.sent.clear()
    assert bench.submit(part) == held
    assert bench.hints.sent == []


def test_commands_tell_of_each_pause_and_of_what_ends_it(bench: Bench, redis_url: str, tmp_path: Path) -> None:
    """`accounts` and a dry run show what is kept back, and what happens next."""
    pause_account(bench.context, ACCOUNT, "ipqs", OutOfCredits())
    command = CommandLine(redis_url, tmp_path)
    command.environment |= {
        "BULKVERIFY_ACCOUNTS_FILE": str(bench.line.settings.accounts_file),
        "BULKVERIFY_STORAGE_URL": bench.line.settings.storage_url,
        "BULKVERIFY_INPUT_ROOTS": str(tmp_path),
    }
    ends = "a free call whether submits for account ipqs-main may begin again: out of credits"
    told = command("accounts").stdout
    assert "What is kept back" in told
    assert ends in told
    dry = command("upload", str(bench.line.file("list.csv", FOUR)), "--account", ACCOUNT, "--dry-run")
    assert ends in dry.stdout


def test_lists_go_on_by_themselves_after_a_pause(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """With workers at work, a throttled submit ends in a completed upload that was charged once."""
    with running_line(tmp_path, redis_url, broker_url, max_part_rows=1) as line:
        line.ipqs.knobs.faults.append(Fault(operation="submit", kind="throttle_retry_after", seconds=0.1))
        upload_id = line.submit(line.file("list.csv", FOUR), ACCOUNT)
        line.finish(upload_id, seconds=60)
        assert line.upload(upload_id).state is UploadState.COMPLETED, line.decisions(upload_id)
        assert sum(charge.rows for charge in line.ipqs.ledger) == 4


@pytest.mark.parametrize(
    "error", [Throttled(), Unavailable(), CredentialsRejected(), QuotaUsedUp(), OutOfCredits()], ids=lambda e: e.reason
)
def test_a_download_that_meets_what_hinders_the_account_pauses_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: ProviderError
) -> None:
    """Whichever call learns it, the account is left alone for that reason, and the result is fetched after that."""
    part, *_ = bench.prepared()
    submitted = bench.submit(part)
    store = bench.context.store
    store.commit(observed(submitted, Seen("finished", "finished"), store.now(), bench.context.policy))

    def refuse(*_: object) -> object:
        raise error

    monkeypatch.setattr(bench.context.accounts[ACCOUNT].provider, "collect", refuse, raising=False)
    collect.run(bench.context, part.part_id, bench.line.parts("one")[0].epoch)
    after = bench.line.parts("one")[0]
    pause = pause_of(bench.account(), paused_by(error.reason))
    assert (after.state, after.reason, pause.reason) == (PartState.FINISHED, error.reason, error.reason)
    assert (after.due_at or 0) >= pause.until


def test_a_list_whose_account_allows_few_calls_costs_two_looks_for_each_part(bench: Bench) -> None:
    """Parts look once, stand in line, and look again when there is a call for them: nobody looks in vain."""
    context, store = bench.context, bench.context.store
    proven = echo_proven(bench.account())
    assert proven is not None
    store.commit(proven)
    interval, looks = 0.05, 0
    vars(context.accounts[ACCOUNT].gate).update(_interval_seconds=interval, _sleep=lambda _: None)
    slow = context.accounts[ACCOUNT].account.model_copy(update={"requests_per_second": 1 / interval, "max_active": 100})
    accounts = dict(context.accounts) | {ACCOUNT: dataclasses.replace(context.accounts[ACCOUNT], account=slow)}
    bench.context = dataclasses.replace(context, accounts=accounts)
    names = [f"list-{number}" for number in range(10)]
    for name in names:
        for part in bench.prepared(name):
            bench.submit(part)
            looks += 1
    bench.hints.sent.clear()
    for _ in range(100):
        store.clock_offset_seconds += 1.0
        bench.context.wake_next(ACCOUNT)
        called = [hint for hint in bench.hints.sent if hint[0] is Lane.SUBMIT]
        bench.hints.sent.clear()
        began_at = store.clock_offset_seconds
        for _, part_id, delay_seconds in sorted(called, key=itemgetter(2)):
            assert delay_seconds <= 1.0
            store.clock_offset_seconds = began_at + delay_seconds
            bench.submit(next(store.parts([part_id])))
            looks += 1
        if not bench.context.lines.exist(ACCOUNT):
            break
    parts = [part for name in names for part in bench.line.parts(name)]
    assert {part.state for part in parts} == {PartState.SUBMITTED}
    assert looks <= 2.5 * len(parts)
