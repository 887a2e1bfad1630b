"""One live poll message for each account: planned when it is needed, stale when it is replaced, re-armed when lost."""

from __future__ import annotations

import threading

import pytest

from worker.store.store import Store

SLACK_SECONDS, LEASE_SECONDS = 2.0, 30.0


def later(store: Store, seconds: float) -> Store:
    """The same store, so many seconds later."""
    return Store(store.client, clock_offset_seconds=seconds)


def offer(store: Store, in_seconds: float | None) -> tuple[int, float] | None:
    """Ask for a poll of account `a` in so many seconds; `None`: now."""
    return store.offer_poll("a", None if in_seconds is None else store.now() + in_seconds, SLACK_SECONDS)


def begun(store: Store, epoch: int = 1) -> int:
    """The turn that a message of that epoch begins."""
    turn = store.begin_poll("a", epoch, LEASE_SECONDS)
    assert turn is not None
    return turn


def plan(store: Store, turn: int, in_seconds: float) -> tuple[int, float]:
    """Plan the next poll of account `a`, so many seconds ahead."""
    planned = store.plan_poll("a", turn, store.now() + in_seconds)
    assert planned is not None
    return planned


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
    assert not store.begin_poll("a", 1, LEASE_SECONDS)
    assert store.begin_poll("a", 2, LEASE_SECONDS)


def test_a_message_that_never_ran_is_replaced(store: Store) -> None:
    """Once the live message should have run long ago, it counts as lost and a new one is planned."""
    offer(store, 30)
    assert offer(later(store, 30 + SLACK_SECONDS - 0.5), None) is None
    assert offer(later(store, 30 + SLACK_SECONDS + 0.5), None) == (2, 0.0)


def test_of_doubled_messages_one_takes_the_turn(store: Store) -> None:
    """A message that arrives many times, also at the same moment, begins one turn."""
    offer(store, None)
    ready = threading.Barrier(8)
    turns: list[bool] = []

    def begin() -> None:
        ready.wait()
        turns.append(store.begin_poll("a", 1, LEASE_SECONDS) is not None)

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
    assert not store.begin_poll("a", epoch, LEASE_SECONDS)


def test_a_message_for_an_account_nobody_planned_is_stale(store: Store) -> None:
    """After the records were lost, messages that are left over begin nothing."""
    assert not store.begin_poll("a", 1, LEASE_SECONDS)


def test_each_turn_plans_the_next_one(store: Store) -> None:
    """The turn's own plan replaces every message before it, and is live at once."""
    offer(store, None)
    epoch, delay_seconds = plan(store, begun(store), 40)
    assert delay_seconds == pytest.approx(40, abs=1)
    assert offer(store, 40) is None
    assert store.begin_poll("a", epoch, LEASE_SECONDS)


def test_an_offer_made_during_a_turn_is_not_forgotten_by_its_plan(store: Store) -> None:
    """A part that is submitted after the turn's last look is looked at when it was to be, not with the turn's parts."""
    offer(store, None)
    turn = begun(store)
    offer(store, 50)
    offer(store, 5)
    offer(store, 70)
    epoch, delay_seconds = plan(store, turn, 600)
    assert delay_seconds == pytest.approx(5, abs=1)
    assert store.begin_poll("a", epoch, LEASE_SECONDS)


def test_an_offer_made_during_a_turn_that_leaves_nothing_is_not_forgotten_either(store: Store) -> None:
    """A turn that found nothing waiting plans what was offered while it ended."""
    offer(store, None)
    turn = begun(store)
    offer(store, 5)
    planned = store.plan_poll("a", turn, None)
    assert planned is not None
    assert planned[1] == pytest.approx(5, abs=1)


def test_a_plan_beyond_the_end_of_the_lease_is_kept(store: Store) -> None:
    """Without an offer the next turn begins when it was planned, however long the present one might have lasted."""
    offer(store, None)
    assert plan(store, begun(store), 600)[1] == pytest.approx(600, abs=1)


@pytest.mark.parametrize("in_seconds", [None, 5, LEASE_SECONDS])
def test_no_turn_begins_while_another_one_lasts(store: Store, in_seconds: float | None) -> None:
    """A look wanted during a turn sends one message for the end of its lease, and no message begins a second turn."""
    offer(store, None)
    turn = begun(store)
    guard = offer(store, in_seconds)
    assert guard is not None
    assert guard[1] == pytest.approx(LEASE_SECONDS, abs=1)
    assert [offer(store, seconds) for seconds in (None, 5, 40)] == [None] * 3
    assert store.begin_poll("a", guard[0], LEASE_SECONDS) is None
    assert store.renew_poll("a", turn, LEASE_SECONDS)


def test_a_turn_that_is_renewed_lasts(store: Store) -> None:
    """However long a turn is, no other one begins as long as it renews its lease."""
    offer(store, None)
    turn = begun(store)
    for number in range(1, 4):
        at = later(store, number * LEASE_SECONDS * 0.9)
        assert at.renew_poll("a", turn, LEASE_SECONDS)
        guard = offer(at, None)
        assert guard is None or at.begin_poll("a", guard[0], LEASE_SECONDS) is None


def test_a_dead_turn_is_replaced_at_the_end_of_its_lease(store: Store) -> None:
    """After a process has died in its turn, the message offered meanwhile begins another one."""
    offer(store, None)
    dead = begun(store)
    guard = offer(store, 5)
    assert guard is not None
    after = later(store, guard[1] + 0.1)
    turn = after.begin_poll("a", guard[0], LEASE_SECONDS)
    assert turn is not None
    assert not after.renew_poll("a", dead, LEASE_SECONDS)
    assert after.renew_poll("a", turn, LEASE_SECONDS)


def test_a_turn_that_never_ends_does_not_end_the_polling(store: Store) -> None:
    """With the message lost as well, the account is polled again by the first offer after the lease."""
    offer(store, None)
    begun(store)
    planned = offer(later(store, LEASE_SECONDS + SLACK_SECONDS + 1), None)
    assert planned is not None
    assert planned[1] == 0.0
    assert later(store, LEASE_SECONDS + SLACK_SECONDS + 1).begin_poll("a", planned[0], LEASE_SECONDS)


def test_a_turn_that_was_replaced_plans_nothing(store: Store) -> None:
    """A process that was frozen in its turn does not disturb the turn that has begun since."""
    offer(store, None)
    frozen = begun(store)
    after = later(store, LEASE_SECONDS + SLACK_SECONDS + 1)
    planned = offer(after, None)
    assert planned is not None
    turn = begun(after, planned[0])
    assert after.plan_poll("a", frozen, after.now() + 1) is None
    assert after.renew_poll("a", turn, LEASE_SECONDS)


def test_a_plan_for_a_time_that_has_passed_runs_at_once(store: Store) -> None:
    """What is overdue when the turn ends is looked at without delay."""
    offer(store, None)
    assert plan(store, begun(store), -100)[1] == 0.0


def test_an_account_at_rest_is_polled_again_by_the_next_part(store: Store) -> None:
    """After a turn that left nothing waiting no message is live, so the next submitted part plans one."""
    offer(store, None)
    assert store.plan_poll("a", begun(store), None) is None
    planned = offer(store, 5)
    assert planned is not None
    assert store.begin_poll("a", planned[0], LEASE_SECONDS)


def test_accounts_are_planned_apart(store: Store) -> None:
    """One account's live message serves no other account."""
    offer(store, None)
    assert store.offer_poll("b", None, SLACK_SECONDS) == (1, 0.0)
