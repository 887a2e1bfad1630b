"""The lines of the accounts: who waits is called by turns, as many as there is room for, whoever calls."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.coherence import check_coherent
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_store
from worker.core import part as parts
from worker.core.line import LINE_LOOK_SECONDS, Room, stand, urgent_at
from worker.core.states import Lane, PartState, UploadState
from worker.core.urgency import Urgency
from worker.store.errors import Full
from worker.store.lines import COMING_SECONDS, Lines
from worker.store.store import Due

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.core.records import PartRecord
    from worker.store.store import Store

ACCOUNT = "ipqs-main"
GRACE_SECONDS, REARM_SECONDS = 5.0, 30.0
#: Room for anything but more than one part at once.
ONE = Room(1, 1, 0.001, 4, 1_000, None)


def room(most: int = 1_000, **limits: Any) -> Room:
    """Room for `most` parts, and whatever else is said."""
    return ONE._replace(collect_max=most, submit_max=most, **limits)


def list_of(store: Store, upload_id: str, number: int, state: PartState = PartState.HELD) -> list[PartRecord]:
    """Store an upload of so many parts."""
    now = store.now()
    upload = an_upload(upload_id, UploadState.RUNNING, now=now, parts_total=number)
    stored(store, upload, *(a_part(upload_id, index, state, now=now) for index in range(number)))
    return list(store.parts_of(upload))


def wait_in_line(store: Store, waiting: Sequence[PartRecord], urgent: float | None = None) -> None:
    """Write of each part, as it is now, that it waits in its account's line."""
    for part in store.parts([part.part_id for part in waiting]):
        now = store.now()
        due_at = now + LINE_LOOK_SECONDS
        if part.state is PartState.FINISHED:
            change = parts.collect_later(part, now, "own_rate", "", due_at)
        else:
            change = parts.hold(part, now, "own_rate", due_at)
        store.commit(stand(change, urgent))


def go(store: Store, part_id: str) -> None:
    """Write of a part that was called that it goes on."""
    (part,) = store.parts([part_id])
    store.commit(parts.reserve(part, "h", store.now(), 60.0, active_max=100_000, intents_max=None))


def call(store: Store, limits: Room = ONE) -> list[str]:
    """The parts that are called now."""
    return [called.part_id for called in Lines(store).call_up(ACCOUNT, limits)]


def later(store: Store, seconds: float) -> Store:
    """The same store at a later time."""
    store.clock_offset_seconds += seconds
    return store


def test_a_long_list_never_delays_a_short_one(store: Store) -> None:
    """Lists of three parts that come behind one of 267 have gone after a few calls, and everybody keeps the order."""
    wait_in_line(store, list_of(store, "long", 267))
    order = []
    for _ in range(5):
        order += call(store)
        go(store, order[-1])
    for name in ("short", "other"):
        wait_in_line(store, list_of(store, name, 3))
    while len(order) < 267 + 6:
        (called,) = call(store)
        order.append(called)
        go(store, called)
    assert {"short/2", "other/2"} <= set(order[: 5 + 3 * 3])
    assert [name for name in order if name.startswith("long")] == [f"long/{index}" for index in range(267)]
    assert not Lines(store).exist(ACCOUNT)
    check_coherent(store)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.booleans()), min_size=1, max_size=25),
)
def test_nobody_is_called_twice_as_often_while_another_waits(store: Store, steps: list[tuple[int, int, bool]]) -> None:
    """However lists come and are called, in vain or not: of two that wait all the while, none gets two calls ahead."""
    store.client.flushdb()
    comers = {number: iter(list_of(store, str(number), 60)) for number in range(4)}
    waiting: Counter[str] = Counter()
    since: dict[tuple[str, str], Counter[str]] = {}
    for which, number, in_vain in steps:
        coming = [part for part, _ in zip(comers[which], range(number), strict=False)]
        wait_in_line(store, coming)
        if coming and not waiting[str(which)]:
            since = {pair: told for pair, told in since.items() if str(which) not in pair}
        waiting[str(which)] += len(coming)
        for _ in range(number):
            called = call(store)
            assert len(called) == bool(waiting.total())
            if not called:
                continue
            name = called[0].partition("/")[0]
            if in_vain:
                (part,) = store.parts(called)
                wait_in_line(store, [part])
                assert call(store) == called
            go(store, called[0])
            for other in [other for other, left in waiting.items() if left and other != name]:
                told = since.setdefault((min(name, other), max(name, other)), Counter())
                told[name] += 1
                assert told[name] - told[other] <= 2, (name, other)
            waiting[name] -= 1
            if not waiting[name]:
                since = {pair: told for pair, told in since.items() if name not in pair}
    check_coherent(store)


def test_who_was_called_in_vain_has_its_old_turn(store: Store) -> None:
    """A part for which there was no call after all comes next, before those that stood behind it."""
    wait_in_line(store, waiting := list_of(store, "a", 3))
    assert call(store) == ["a/0"]
    wait_in_line(store, waiting[:1])
    assert call(store, room(2)) == ["a/0", "a/1"]


def test_many_callers_together_call_no_more_than_there_is_room_for(store: Store, redis_url: str) -> None:
    """Twenty threads that call at once give away each place and each call once."""
    wait_in_line(store, list_of(store, "a", 60))
    ready, called = threading.Barrier(20), []

    def call_at_once() -> None:
        own = a_store(redis_url)
        ready.wait()
        called.extend(call(own, room(active_max=7)))
        own.client.close()

    threads = [threading.Thread(target=call_at_once) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(called) == [f"a/{index}" for index in range(7)]


@pytest.mark.parametrize(
    ("limits", "number"),
    [
        (room(5), 5),
        (room(active_max=3), 3),
        (room(intents_max=1), 1),
        # A burst, and the call of the second that is looked ahead.
        (room(interval_seconds=1.0, burst_calls=4), 5),
        (room(0), 0),
    ],
)
def test_there_is_room_within_every_limit(store: Store, limits: Room, number: int) -> None:
    """Places, open attempts and calls each bound how many are called; another caller finds no room left."""
    wait_in_line(store, list_of(store, "a", 20))
    assert len(call(store, limits)) == number
    assert call(store, limits) == []


def test_what_was_taken_of_the_rate_is_no_room(store: Store) -> None:
    """After the burst was used otherwise only the calls of the time ahead are given away, each told its time."""
    for _ in range(4):
        assert store.take_token(ACCOUNT, 0.4, 4, Urgency.WORK) == 0.0
    wait_in_line(store, list_of(store, "a", 20))
    called = Lines(store).call_up(ACCOUNT, room(interval_seconds=0.4))
    assert [round(turn.delay_seconds, 1) for turn in called] == [0.4, 0.8]


def test_who_was_called_and_does_not_come_is_looked_at_soon(store: Store) -> None:
    """A lost message costs the time until what is due is armed again, and its place is given away after a while."""
    wait_in_line(store, list_of(store, "a", 3))
    assert call(store, room(active_max=1)) == ["a/0"]
    later(store, GRACE_SECONDS + 1)
    assert Due(ACCOUNT, Lane.SUBMIT, "a/0") in store.claim_overdue(GRACE_SECONDS, REARM_SECONDS, 100)
    assert call(store, room(active_max=1)) == []
    later(store, COMING_SECONDS)
    assert call(store, room(active_max=1)) == ["a/1"]


def test_who_stands_in_line_is_not_looked_at(store: Store) -> None:
    """However long the line and the wait, no message is sent for who stands there; one whose line is lost is found."""
    wait_in_line(store, list_of(store, "a", 50))
    for _ in range(5):
        later(store, LINE_LOOK_SECONDS + GRACE_SECONDS + 1)
        assert [due for due in store.claim_overdue(GRACE_SECONDS, REARM_SECONDS, 100) if due.lane is Lane.SUBMIT] == []
    store.client.delete(store.key("line", ACCOUNT, Lane.SUBMIT))
    later(store, LINE_LOOK_SECONDS + GRACE_SECONDS + 1)
    found = [due for due in store.claim_overdue(GRACE_SECONDS, REARM_SECONDS, 100) if due.lane is Lane.SUBMIT]
    assert len(found) == 50


def test_who_comes_for_the_first_time_goes_behind_those_in_line(store: Store) -> None:
    """A new part takes no place while others wait for one; one that was called does."""
    (new,) = list_of(store, "new", 1, PartState.PENDING)
    wait_in_line(store, list_of(store, "a", 2))
    with pytest.raises(Full) as full:
        go(store, new.part_id)
    assert full.value.guard == "line"
    go(store, call(store)[0])


def test_finished_parts_go_before_those_to_submit_and_those_near_their_end_before_all(store: Store) -> None:
    """What is paid for comes first, and of that what the provider will delete soon, the sooner the earlier."""
    wait_in_line(store, list_of(store, "unsent", 2))
    wait_in_line(store, list_of(store, "fine", 2, PartState.FINISHED))
    wait_in_line(store, list_of(store, "soon", 1, PartState.FINISHED), store.now() + 100)
    wait_in_line(store, list_of(store, "sooner", 1, PartState.FINISHED), store.now() + 50)
    assert call(store, room(1)) == ["fine/0", "unsent/0"]
    later(store, 200)
    assert call(store, room(9)) == ["sooner/0", "soon/0", "fine/1", "unsent/1"]
    check_coherent(store)


def test_what_is_free_of_the_rate_is_kept_until_it_does_for_a_result(store: Store) -> None:
    """One free call is given to no submit while a result waits for two, unless no result may be collected now."""
    wait_in_line(store, list_of(store, "unsent", 9))
    wait_in_line(store, list_of(store, "paid", 2, PartState.FINISHED))
    for _ in range(4):
        assert store.take_token(ACCOUNT, 60.0, 4, Urgency.WORK) == 0.0
    limits = room(interval_seconds=60.0)
    assert call(later(store, 60.0), limits) == []
    assert call(store, limits._replace(collect_max=0)) == ["unsent/0"]
    assert call(later(store, 60.0), limits) == ["paid/0"]


@pytest.mark.parametrize(("retention", "urgent"), [(None, None), (400, 1_000.0 + 300)])
def test_the_last_quarter_of_the_retention_is_urgent(retention: float | None, urgent: float | None) -> None:
    """Where a provider deletes its results, one is urgent when a quarter of that time is left."""
    assert urgent_at(a_part(state=PartState.FINISHED, remote_finished_at=1_000.0), retention) == urgent


@pytest.mark.parametrize("decide", [parts.cancel, lambda part, now: parts.hold(part, now, "budget", now)])
def test_whatever_else_is_decided_takes_a_part_out_of_the_line(store: Store, decide: object) -> None:
    """A part that ends, or waits for something else, is called no more, and leaves nothing in the line."""
    assert callable(decide)
    wait_in_line(store, list_of(store, "a", 1))
    (part,) = store.parts(["a/0"])
    store.commit(decide(part, store.now()))
    assert not Lines(store).exist(ACCOUNT)
    assert call(store) == []
    check_coherent(store)


def test_a_turn_that_nobody_takes_is_given_up_in_the_end(store: Store) -> None:
    """What was called and is never written again leaves no line behind, so that nobody calls for ever."""
    wait_in_line(store, list_of(store, "a", 1))
    assert call(store) == ["a/0"]
    later(store, 4_000)
    assert Lines(store).accounts() == [ACCOUNT]
    assert call(store) == []
    assert Lines(store).accounts() == []
    assert not Lines(store).exist(ACCOUNT)
