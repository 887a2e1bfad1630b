"""The call rate of an account: exact, whoever asks and however many at once."""

from __future__ import annotations

import threading
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.core.urgency import SHARE_CALLS, Urgency
from worker.gate import WAIT_SECONDS_MAX, StoreGate
from worker.providers.errors import OwnRateReached

if TYPE_CHECKING:
    from worker.store.store import Store

INTERVAL_SECONDS, BURST_CALLS = 10.0, 4
#: The script before which the server's clock stands still at the time of its last argument.
STANDING_CLOCK = """
local real = redis
local redis = {call = function(name, ...)
  local now = tonumber(ARGV[#ARGV])
  if name == 'TIME' then return {tostring(math.floor(now)), tostring(math.floor(now % 1 * 1e6 + 0.5))} end
  return real.call(name, ...)
end}
"""


def take_at(
    store: Store,
    now: float,
    interval: float = INTERVAL_SECONDS,
    burst: int = BURST_CALLS,
    urgency: Urgency = Urgency.WORK,
) -> float:
    """Take a token of account `a` at a given time of the server; the seconds to wait."""
    script = STANDING_CLOCK + (files("worker.store") / "lua" / "take_token.lua").read_text()
    keys = [store.key("rate", "a"), store.key("rate", "a", "claims")]
    urgencies = [str(int(urgency)), str(len(Urgency)), str(SHARE_CALLS)]
    wait: Any = store.client.eval(script, 2, *keys, str(interval), str(burst), *urgencies, "0", repr(now))
    return float(wait)


def test_a_rested_account_has_a_burst_and_then_its_rate(store: Store) -> None:
    """At once as many calls as the burst are allowed, and then one at each interval."""
    waits = [take_at(store, 1_800_000_000.0) for _ in range(BURST_CALLS + 1)]
    assert waits == [0.0] * BURST_CALLS + [INTERVAL_SECONDS]
    assert take_at(store, 1_800_000_000.0 + INTERVAL_SECONDS - 0.001) > 0
    assert take_at(store, 1_800_000_000.0 + INTERVAL_SECONDS) == 0.0
    assert take_at(store, 1_800_000_000.0 + INTERVAL_SECONDS) > 0


def test_a_refused_call_costs_nothing(store: Store) -> None:
    """However often a caller is refused, the next token is free at the same time."""
    for _ in range(BURST_CALLS):
        take_at(store, 1_800_000_000.0)
    assert {take_at(store, 1_800_000_000.0) for _ in range(50)} == {INTERVAL_SECONDS}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(0, 3_000_000), min_size=5, max_size=60),
    calls_per_second=st.sampled_from([0.5, 1, 3, 7, 10, 30, 200]),
    burst=st.integers(1, 5),
)
def test_no_window_of_time_sees_more_calls_than_the_rate_allows(
    store: Store, steps: list[int], calls_per_second: float, burst: int
) -> None:
    """In any window there are at most the burst and one call for each interval, wherever the window begins."""
    store.client.flushdb()
    now, taken, interval = 1_800_000_000_000_000, [], 1 / calls_per_second
    for step in steps:
        now += step
        if take_at(store, now / 1e6, interval, burst) == 0.0:
            taken.append(now / 1e6)
    for first, begin in enumerate(taken):
        for number, end in enumerate(taken[first:], start=1):
            assert number <= burst + (end - begin) / interval + 0.001


@pytest.mark.parametrize("nanoseconds", [100, 300, 499])
def test_a_wait_too_short_to_be_told_still_takes_a_token(store: Store, nanoseconds: int) -> None:
    """Where rounding turns a wait into zero seconds the caller goes on, so its token must have been taken."""
    now = 1_800_000.0
    ahead = now + INTERVAL_SECONDS * (BURST_CALLS - 1) + nanoseconds / 1e9
    store.client.set(store.key("rate", "a"), f"{ahead:.9f}")
    if take_at(store, now) == 0.0:
        assert float(store.client.get(store.key("rate", "a")) or 0) > ahead + INTERVAL_SECONDS / 2


def test_a_hundred_callers_at_once_get_exactly_the_burst(store: Store) -> None:
    """A hundred threads that ask in the same moment share one burst."""
    ready, waits = threading.Barrier(100), []

    def take() -> None:
        ready.wait()
        waits.append(store.take_token("a", 60.0, BURST_CALLS, Urgency.WORK))

    threads = [threading.Thread(target=take) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waits) == 100
    assert sum(wait == 0.0 for wait in waits) == BURST_CALLS


def test_a_rate_that_rests_leaves_no_key_behind(store: Store) -> None:
    """The rate's key ends by itself soon after the account has rested."""
    store.take_token("a", 2.0, BURST_CALLS, Urgency.WORK)
    milliseconds = store.client.pttl(store.key("rate", "a"))
    assert 1_000 < milliseconds <= 3_000


def test_accounts_do_not_share_their_rates(store: Store) -> None:
    """One account's calls leave the other's tokens alone."""
    for _ in range(BURST_CALLS):
        store.take_token("a", 60.0, BURST_CALLS, Urgency.WORK)
    assert store.take_token("a", 60.0, BURST_CALLS, Urgency.WORK) > 0
    assert store.take_token("b", 60.0, BURST_CALLS, Urgency.WORK) == 0.0


def test_the_gate_waits_for_a_token_that_comes_soon(store: Store) -> None:
    """Calls beyond the burst wait their intervals, and each wait is told."""
    told: list[float] = []
    gate = StoreGate(store, "a", 50.0, told.append)
    began = store.now()
    for _ in range(BURST_CALLS + 5):
        gate.acquire("status")
    assert store.now() - began >= 5 * 0.02 - 0.002
    assert sum(told) > 0


def test_the_gate_refuses_a_wait_that_is_too_long(store: Store) -> None:
    """A call that would wait longer than the bound is not made, and its error names when it may be."""
    gate = StoreGate(store, "a", 0.1, lambda _: None)
    for _ in range(BURST_CALLS):
        gate.acquire("status")
    with pytest.raises(OwnRateReached) as caught:
        gate.acquire("status")
    assert WAIT_SECONDS_MAX < (caught.value.retry_after_seconds or 0) <= 10.0


def test_a_token_that_was_taken_ahead_and_not_used_is_there_for_the_next_call(store: Store) -> None:
    """Looks that find no place for a part take one token together, and leave the rest to calls that are made."""
    gate = StoreGate(store, "a", 0.1, lambda _: None)
    for _ in range(BURST_CALLS * 2):
        gate.prepare("submit")
    for _ in range(BURST_CALLS):
        gate.acquire("status")
    with pytest.raises(OwnRateReached):
        gate.acquire("status")


def test_who_is_more_urgent_and_was_refused_goes_first(store: Store) -> None:
    """The next free token is left to the download that asked before, also when others ask again and again."""
    now = 1_800_000_000.0
    for _ in range(BURST_CALLS):
        take_at(store, now, 1.0)
    assert take_at(store, now, 1.0, urgency=Urgency.WALK) > 0
    assert take_at(store, now, 1.0, urgency=Urgency.ENDING) > 0
    for urgency in (Urgency.WALK, Urgency.LOOK, Urgency.WORK):
        assert take_at(store, now + 1.0, 1.0, urgency=urgency) > 0
    assert take_at(store, now + 1.0, 1.0, urgency=Urgency.ENDING) == 0.0


def test_a_claim_of_somebody_who_does_not_come_again_is_soon_over(store: Store) -> None:
    """Others wait for an urgent caller for a bounded time, even where its token would be free much later."""
    now = 1_800_000_000.0
    for _ in range(BURST_CALLS):
        take_at(store, now)
    assert take_at(store, now, urgency=Urgency.ENDING) == INTERVAL_SECONDS
    assert take_at(store, now + INTERVAL_SECONDS, urgency=Urgency.WALK) == 0.0


def test_calls_that_are_not_urgent_have_their_share(store: Store) -> None:
    """However many downloads and submits want each token, the others get one token of twelve each."""
    now, interval, taken = 1_800_000_000.0, 1.0, Counter[Urgency]()
    for _ in range(BURST_CALLS):
        take_at(store, now, interval)
    for second in range(400):
        for order in (Urgency, reversed(Urgency)):
            for urgency in order:
                taken[urgency] += take_at(store, now + second + 1, interval, urgency=urgency) == 0.0
    assert taken.total() == 400
    least = 400 / (SHARE_CALLS + len(Urgency) - 1) - 2
    assert all(taken[urgency] >= least for urgency in Urgency), taken
    assert taken[Urgency.ENDING] > taken[Urgency.WORK]


def test_what_a_call_is_for_makes_it_more_urgent_and_never_less(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list page that looks at jobs goes before a walk, and a download stays as urgent as it is."""
    asked: list[Urgency] = []

    def take_token(*words: Any) -> float:
        asked.append(words[-1])
        return 0.0

    monkeypatch.setattr(store, "take_token", take_token)
    gate = StoreGate(store, "a", 1.0, lambda _: None)
    with gate.urgent(Urgency.LOOK):
        gate.acquire("list")
        gate.acquire("download")
        with gate.urgent(Urgency.ENDING):
            gate.acquire("status")
    for operation in ("list", "status", "submit"):
        gate.acquire(operation)
    expected = [Urgency.LOOK, Urgency.ENDING, Urgency.ENDING, Urgency.WALK, Urgency.LOOK, Urgency.WORK]
    assert asked == expected
