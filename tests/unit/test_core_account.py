"""Accounts: how long they are left alone after a failure, and what ends a pause."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.builders.core_records import an_account
from tests.builders.records import NOW
from worker.core.account import (
    PAUSES_SECONDS,
    RETRY_AFTER_SECONDS_MAX,
    credits_seen,
    echo_proven,
    pause,
    recovered,
)


def pauses(reason: str, times: int, retry_after_seconds: float | None = None) -> list[float]:
    """The seconds of each of that many pauses in a row."""
    account, found = an_account(), []
    for _ in range(times):
        account = pause(account, NOW, reason, retry_after_seconds).accounts[0]
        found.append(account.paused_until - NOW)
    return found


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


def test_a_pause_tells_why_and_how_long() -> None:
    """The pause is a decision with its reason, the failures in a row and the seconds."""
    change = pause(an_account(failures=2), NOW, "unavailable", None)
    assert (change.decision, change.reason, change.details) == (
        "pause_account",
        "unavailable",
        {"failures": 3, "seconds": 8.0},
    )
    assert change.accounts[0].pause_reason == "unavailable"


def test_a_good_answer_forgets_all_failures() -> None:
    """After one good call the next failure begins with the shortest pause again."""
    paused = pause(an_account(failures=8), NOW, "unavailable", None).accounts[0]
    change = recovered(paused)
    assert change is not None
    assert change.accounts[0] == an_account()


def test_a_good_answer_of_a_well_account_writes_nothing() -> None:
    """Nothing is decided where there is nothing to forget."""
    assert recovered(an_account()) is None


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
