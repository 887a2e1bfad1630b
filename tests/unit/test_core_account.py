"""Accounts: how long they are left alone after a failure, what is kept back meanwhile, and what ends a pause."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import an_account
from tests.builders.records import NOW
from worker.core.account import (
    PAUSES_SECONDS,
    PROBE_SECONDS,
    RETRY_AFTER_SECONDS_MAX,
    SPENDING_REASONS,
    Paused,
    Waiting,
    begin_walk,
    credits_seen,
    echo_proven,
    end_walk,
    give_up_probe,
    lift,
    pause,
    pause_of,
    paused_by,
    probe,
    recovered,
    renew_walk,
    resume,
    to_probe,
    waiting,
)
from worker.core.values import Lease, Pause

if TYPE_CHECKING:
    from worker.core.records import AccountRecord

LEASE = Lease(owner="host:1", until=NOW + PROBE_SECONDS)


def pauses(reason: str, times: int, retry_after_seconds: float | None = None) -> list[float]:
    """The seconds of each of that many pauses in a row."""
    account, found = an_account(), []
    for _ in range(times):
        account = pause(account, NOW, reason, retry_after_seconds).accounts[0]
        found.append(pause_of(account, paused_by(reason)).until - NOW)
    return found


def probed(reason: str) -> AccountRecord:
    """An account whose pause is over, and of which somebody finds out whether that may end."""
    over = pause(an_account(), NOW - 9_000, reason).accounts[0]
    return probe(over, paused_by(reason), LEASE).accounts[0]


@pytest.mark.parametrize("reason", [*PAUSES_SECONDS, "a reason nobody listed"])
def test_pauses_double_within_the_bounds_of_their_reason(reason: str) -> None:
    """Each failure in a row pauses the account twice as long, up to the longest pause of its reason."""
    shortest, longest = PAUSES_SECONDS.get(reason, (5.0, 600.0))
    found = pauses(reason, 15)
    assert found[0] == shortest
    assert found[-1] == longest
    assert all(after == min(before * 2, longest) for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("asked", "granted"), [(0.0, 2.0), (7.0, 7.0), (1e9, RETRY_AFTER_SECONDS_MAX), (float("inf"), 3_600.0)]
)
def test_a_provider_that_names_a_pause_gets_it_within_reason(asked: float, granted: float) -> None:
    """Retry-After is obeyed, never below the shortest pause and never beyond an hour, also after many failures."""
    assert pauses("throttled", 10, asked) == [granted] * 10


def test_a_pause_tells_what_is_kept_back_why_and_how_long() -> None:
    """The pause is a decision with its reason, the failures in a row and the seconds."""
    change = pause(an_account(calls_pause=Pause(failures=2)), NOW, "unavailable")
    assert (change.decision, change.reason, change.details) == (
        "pause_account",
        "unavailable",
        {"what": "calls", "failures": 3, "seconds": 8.0},
    )
    assert change.accounts[0].calls_pause.reason == "unavailable"


@pytest.mark.parametrize("reason", [*PAUSES_SECONDS, "a reason nobody listed"])
def test_what_hinders_only_submits_keeps_no_look_back(reason: str) -> None:
    """Without credits, plan or a way to send a list, jobs are still looked at; every other reason keeps all back."""
    account = pause(an_account(), NOW, reason).accounts[0]
    until = pause_of(account, paused_by(reason)).until
    assert waiting(account, NOW, spends=True) == Waiting(reason, until)
    assert waiting(account, NOW, spends=False) == (None if reason in SPENDING_REASONS else Waiting(reason, until))


@pytest.mark.parametrize("reason", ["throttled", "out_of_credits"])
def test_a_pause_goes_on_until_one_caller_has_found_out_that_it_may_end(reason: str) -> None:
    """When its time is over one caller may probe; while it does, all others wait for the end of its lease."""
    what = paused_by(reason)
    account = pause(an_account(), NOW, reason).accounts[0]
    until = pause_of(account, what).until
    assert to_probe(account, until - 0.001, spends=True) is None
    assert (waiting(account, until, spends=True), to_probe(account, until, spends=True)) == (None, what)
    asked = probe(account, what, Lease(owner="host:1", until=until + PROBE_SECONDS)).accounts[0]
    assert waiting(asked, until, spends=True) == Waiting(reason, until + PROBE_SECONDS)
    assert to_probe(asked, until, spends=True) is None
    assert to_probe(asked, until + PROBE_SECONDS, spends=True) is what


def test_whoever_only_looks_finds_out_nothing_about_spending() -> None:
    """A look is not held by a pause of spending, and does not end it."""
    over = pause(an_account(), NOW - 9_000, "out_of_credits").accounts[0]
    assert to_probe(over, NOW, spends=False) is None
    assert to_probe(over, NOW, spends=True) is Paused.SPENDING


def test_a_pause_of_all_calls_comes_before_one_of_spending() -> None:
    """What hinders every call is found out first, and nothing about spending while it lasts."""
    both = an_account(
        calls_pause=Pause(reason="throttled", until=NOW), spending_pause=Pause(reason="out_of_credits", until=NOW)
    )
    assert to_probe(both, NOW, spends=True) is Paused.CALLS
    assert to_probe(probe(both, Paused.CALLS, LEASE).accounts[0], NOW, spends=True) is None


@pytest.mark.parametrize("reason", ["throttled", "out_of_credits"])
def test_a_probe_that_went_well_ends_the_pause_and_forgets_no_failure(reason: str) -> None:
    """The pause is over; only a call that it kept back proves that the failures are, too."""
    change = resume(probed(reason), paused_by(reason), LEASE)
    assert change is not None
    account = change.accounts[0]
    assert pause_of(account, paused_by(reason)) == Pause(failures=1)
    well = recovered(account, spent=True)
    assert well is not None
    assert well.accounts[0] == an_account()


def test_a_probe_that_is_not_ours_any_more_decides_nothing() -> None:
    """Whoever lost the lease, to time or to another failure, neither ends the pause nor frees the probe."""
    other = Lease(owner="host:2", until=NOW + 1)
    account = probed("throttled")
    assert resume(account, Paused.CALLS, other) is None
    assert give_up_probe(account, Paused.CALLS, other) is None
    assert resume(pause(account, NOW, "throttled").accounts[0], Paused.CALLS, LEASE) is None


def test_a_probe_that_found_out_nothing_is_free_for_the_next() -> None:
    """Given back, the probe can be taken at once."""
    change = give_up_probe(probed("throttled"), Paused.CALLS, LEASE)
    assert change is not None
    assert to_probe(change.accounts[0], NOW, spends=False) is Paused.CALLS


def test_a_pause_of_all_calls_ends_the_probe_about_spending() -> None:
    """Whoever was finding out about credits may not call any more; the pause of spending goes on."""
    account = pause(probed("out_of_credits"), NOW, "throttled").accounts[0]
    assert (account.spending_pause.reason, account.spending_pause.probe) == ("out_of_credits", None)


def test_a_good_answer_ends_no_pause() -> None:
    """A call that began before the pause proves nothing about what came after."""
    assert recovered(pause(an_account(), NOW, "throttled").accounts[0], spent=True) is None


def test_a_good_look_forgets_no_failure_to_submit() -> None:
    """Failures are forgotten by a call of their own kind, and a spend is a call too."""
    failed = an_account(calls_pause=Pause(failures=2), spending_pause=Pause(failures=3))
    looked, sent = recovered(failed, spent=False), recovered(failed, spent=True)
    assert looked is not None
    assert sent is not None
    assert looked.accounts[0] == an_account(spending_pause=Pause(failures=3))
    assert sent.accounts[0] == an_account()
    assert recovered(an_account(), spent=True) is None


def test_a_person_lifts_both_pauses_but_for_the_reasons_that_are_kept() -> None:
    """Failures stay counted; nothing is written where nothing is paused."""
    both = pause(pause(an_account(), NOW, "throttled").accounts[0], NOW, "out_of_credits").accounts[0]
    change = lift(both, frozenset({"throttled"}))
    assert change is not None
    assert change.accounts[0].spending_pause == Pause(failures=1)
    assert change.accounts[0].calls_pause == both.calls_pause
    assert lift(change.accounts[0], frozenset({"throttled"})) is None


def test_that_names_are_echoed_is_learned_once() -> None:
    """The proof that a provider shows our token is written when it is new."""
    change = echo_proven(an_account())
    assert change is not None
    assert change.accounts[0].echo_proven
    assert echo_proven(change.accounts[0]) is None


@pytest.mark.parametrize("balance", [0, 5_000])
def test_the_balance_is_kept_with_its_time(balance: int) -> None:
    """What an account can still spend is known with the time at which it was told, and leaves no timeline entry."""
    change = credits_seen(an_account(), balance, NOW)
    assert (change.accounts[0].credits_balance, change.accounts[0].credits_at) == (balance, NOW)
    assert change.details is None


def test_one_process_walks_the_list_at_a_time() -> None:
    """Another begins when the walk has ended, or its time is over; only whoever walks has its time made longer."""
    ours, theirs = Lease(owner="host:1", until=NOW + 300.0), Lease(owner="host:2", until=NOW + 400.0)
    change = begin_walk(an_account(), ours, NOW)
    assert change is not None
    walking = change.accounts[0]
    assert begin_walk(walking, theirs, NOW + 299.0) is None
    assert begin_walk(walking, theirs, NOW + 300.0) is not None
    assert end_walk(walking, theirs) is None
    assert renew_walk(walking, theirs, theirs) is None
    renewed = renew_walk(walking, ours, longer := Lease(owner="host:1", until=NOW + 360.0))
    assert renewed is not None
    assert begin_walk(renewed.accounts[0], theirs, NOW + 359.0) is None
    assert end_walk(renewed.accounts[0], longer) is not None
    ended = end_walk(walking, ours)
    assert ended is not None
    assert begin_walk(ended.accounts[0], theirs, NOW) is not None
