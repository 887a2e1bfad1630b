"""One live poll message for each account: planned when it is needed, stale when it is replaced, re-armed when lost."""

from __future__ import annotations

import threading

import pytest

from worker.store.store import Store

SLACK_SECONDS, TURN_SECONDS = 2.0, 120.0


def later(store: Store, seconds: float) -> Store:
    """The same store, so many seconds later."""
    return Store(store.client, clock_offset_seconds=seconds)


def offer(store: Store, in_seconds: float | None) -> tuple[int, float] | None:
    """Ask for a poll of account `a` in so many seconds; `None`: now."""
    return store.offer_poll("a", None if in_seconds is None else store.now() + in_seconds, SLACK_SECONDS)


def test_the_first_offer_plans_a_message(store: Store) -> None:
    """An account without a live message gets one, with the delay that was asked for."""
    planned = offer(store, 30)
    assert planned is not None
    assert planned[0] == 1
    assert planned[1] == pytest.approx(30, abs=1)
    assert offer(store, None) == (2, 0.0)


@pytest.mark.parametrize("in_seconds", [30, 29, 60, 3_600])
def test_a_live_message_serves_whatever_is_due_no_earlier(store: Store, in_seconds: float) -> None:
    """A message that will run soon enough is not sent again: many parts cost one message."""
    offer(store, 30)
    assert offer(store, in_seconds) is None


def test_a_part_that_cannot_wait_for_the_live_message_gets_an_earlier_one(store: Store) -> None:
    """A look wanted much sooner than planned replaces the planned one, which becomes stale."""
    offer(store, 3_600)
    assert offer(store, 5) is not None
    assert not store.begin_poll("a", 1, TURN_SECONDS)
    assert store.begin_poll("a", 2, TURN_SECONDS)


def test_a_message_that_never_ran_is_replaced(store: Store) -> None:
    """Once the live message should have run long ago, it counts as lost and a new one is planned."""
    offer(store, 30)
    assert offer(later(store, 30 + SLACK_SECONDS - 0.5), None) is None
    assert offer(later(store, 30 + SLACK_SECONDS + 0.5), None) == (2, 0.0)


def test_of_doubled_messages_one_takes_the_turn(store: Store) -> None:
    """A message that arrives many times, also at the same moment, begins one turn."""
    offer(store, None)
    ready, turns = threading.Barrier(8), []

    def begin() -> None:
        ready.wait()
        turns.append(store.begin_poll("a", 1, TURN_SECONDS))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == [False] * 7 + [True]


@pytest.mark.parametrize("epoch", [0, 2, 7])
def test_a_message_of_another_epoch_is_stale(store: Store, epoch: int) -> None:
    """Only the newest message of an account begins a turn."""
    offer(store, None)
    assert not store.begin_poll("a", epoch, TURN_SECONDS)


def test_a_message_for_an_account_nobody_planned_is_stale(store: Store) -> None:
    """After the records were lost, messages that are left over begin nothing."""
    assert not store.begin_poll("a", 1, TURN_SECONDS)


def test_each_turn_plans_the_next_one(store: Store) -> None:
    """The turn's own plan replaces every message before it, and is live at once."""
    offer(store, None)
    assert store.begin_poll("a", 1, TURN_SECONDS)
    epoch, delay_seconds = store.plan_poll("a", store.now() + 40)
    assert delay_seconds == pytest.approx(40, abs=1)
    assert offer(store, 40) is None
    assert store.begin_poll("a", epoch, TURN_SECONDS)


def test_an_offer_made_during_a_turn_is_not_forgotten_by_its_plan(store: Store) -> None:
    """A part that is submitted after the turn's last look is looked at when it was to be, not with the turn's parts."""
    offer(store, None)
    store.begin_poll("a", 1, TURN_SECONDS)
    offer(store, 5)
    epoch, delay_seconds = store.plan_poll("a", store.now() + 600)
    assert delay_seconds == pytest.approx(5, abs=1)
    assert store.begin_poll("a", epoch, TURN_SECONDS)


def test_a_plan_beyond_the_end_of_the_turn_is_kept(store: Store) -> None:
    """Without an offer the next turn begins when it was planned, however long the present one might have lasted."""
    offer(store, None)
    store.begin_poll("a", 1, TURN_SECONDS)
    assert store.plan_poll("a", store.now() + 600)[1] == pytest.approx(600, abs=1)


def test_a_dead_turn_holds_up_no_part_that_cannot_wait(store: Store) -> None:
    """While a turn lasts, be it one whose process has died, a look wanted before its end begins a turn of its own."""
    offer(store, None)
    store.begin_poll("a", 1, TURN_SECONDS)
    assert offer(store, TURN_SECONDS) is None
    planned = offer(store, 5)
    assert planned is not None
    assert store.begin_poll("a", planned[0], TURN_SECONDS)


def test_a_plan_for_a_time_that_has_passed_runs_at_once(store: Store) -> None:
    """What is overdue when the turn ends is looked at without delay."""
    assert store.plan_poll("a", store.now() - 100)[1] == 0.0


def test_a_turn_that_never_ends_does_not_end_the_polling(store: Store) -> None:
    """After a process has died in its turn, the account is polled again when the turn's time is over."""
    offer(store, None)
    store.begin_poll("a", 1, TURN_SECONDS)
    planned = offer(later(store, TURN_SECONDS + SLACK_SECONDS + 1), None)
    assert planned is not None
    assert store.begin_poll("a", planned[0], TURN_SECONDS)


def test_an_account_at_rest_is_polled_again_by_the_next_part(store: Store) -> None:
    """After a turn that left nothing waiting no message is live, so the next submitted part plans one."""
    offer(store, None)
    store.begin_poll("a", 1, TURN_SECONDS)
    store.end_poll("a")
    planned = offer(store, 5)
    assert planned is not None
    assert store.begin_poll("a", planned[0], TURN_SECONDS)


def test_accounts_are_planned_apart(store: Store) -> None:
    """One account's live message serves no other account."""
    offer(store, None)
    assert store.offer_poll("b", None, SLACK_SECONDS) == (1, 0.0)
