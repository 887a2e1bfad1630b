"""The poll actor's turns: stale messages begin none, and one that crashes plans the next."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import poll
from worker.actors.look import LATE_SECONDS
from worker.broker.sorted_set import DELAYED_KEYS
from worker.core.states import Lane, PartState, UploadState
from worker.providers.port import ListPage, Observation, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "ipqs-main"
#: Seconds that a turn which the test takes itself lasts.
LEASE_SECONDS = 30.0


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose workers do not run, with a part that waits for its look."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        store = line.plant.context.store
        now = store.now()
        service = line.plant.context.accounts[ACCOUNT].service
        part = a_part("old", 0, PartState.SUBMITTED, now=now, remote_id="1", submitted_at=now, service=service)
        stored(store, an_upload("old", UploadState.RUNNING, now=now, parts_total=1), part)
        yield line


def add_parts(line: Line) -> None:
    """Have two more parts wait for their look."""
    store = line.plant.context.store
    now, service = store.now(), line.plant.context.accounts[ACCOUNT].service
    fields: dict[str, Any] = {"now": now, "submitted_at": now, "service": service}
    parts = [a_part("more", n, PartState.SUBMITTED, remote_id=str(n + 2), **fields) for n in range(2)]
    stored(store, an_upload("more", UploadState.RUNNING, now=now, parts_total=2), *parts)


def delayed_seconds(line: Line) -> list[float]:
    """In how many seconds each delayed message is due."""
    client: Any = line.plant.broker.client
    waiting = client.zrange(DELAYED_KEYS[0], 0, -1, withscores=True)
    return [at / 1000 - line.plant.context.store.now() for _, at in waiting]


def test_a_turn_that_crashes_plans_the_next_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error nobody foresaw the account is left alone for a while, and then polled again."""

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(poll, "Looks", crash)
    context = line.plant.context
    context.hint_poll(ACCOUNT, None)
    poll.run(context, ACCOUNT, 1)
    (seconds,) = delayed_seconds(line)
    assert seconds == pytest.approx(poll.CRASH_LOOK_SECONDS, abs=2)
    assert context.store.begin_poll(ACCOUNT, 3, LEASE_SECONDS)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_stale_message_looks_at_nothing_and_sends_nothing(line: Line, epoch: int) -> None:
    """A doubled or late poll message makes no call and leaves the live message as it is."""
    line.plant.context.hint_poll(ACCOUNT, None)
    before = line.plant.context.store.part("old/0")
    poll.run(line.plant.context, ACCOUNT, epoch)
    assert line.plant.context.store.part("old/0") == before
    assert delayed_seconds(line) == []
    assert line.plant.context.store.begin_poll(ACCOUNT, 1, LEASE_SECONDS)


def test_an_account_whose_configuration_is_gone_is_asked_for_again(line: Line) -> None:
    """A turn for an account that this process does not know changes nothing and is planned again."""
    store, now = line.plant.context.store, line.plant.context.store.now()
    part = a_part("gone", 0, PartState.SUBMITTED, now=now, account="gone", remote_id="1")
    stored(store, an_upload("gone", UploadState.RUNNING, now=now, account="gone", parts_total=1), part)
    line.plant.context.hint_poll("gone", None)
    poll.run(line.plant.context, "gone", 1)
    assert len(delayed_seconds(line)) == 1
    assert store.next_due("gone", Lane.POLL) == now


def test_a_turn_that_was_replaced_makes_no_further_call(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was frozen in a call finds another turn in its place, writes what it saw, and stops."""
    context = line.plant.context
    store, connected = context.store, context.accounts[ACCOUNT]
    add_parts(line)
    asked: list[str] = []

    def frozen(remote_ids: list[str]) -> dict[str, Observation]:
        asked.extend(remote_ids)
        store.client.hset(store.key("poll", ACCOUNT), "turn", 99)
        return {remote_id: Observation(remote_id, RemoteStatus.RUNNING) for remote_id in remote_ids}

    monkeypatch.setattr(connected.provider, "observe", frozen)
    monkeypatch.setattr(connected.provider, "capabilities", replace(connected.provider.capabilities, list_jump=None))
    context.hint_poll(ACCOUNT, None)
    store.clock_offset_seconds += 1.0
    poll.run(context, ACCOUNT, 1)
    assert len(asked) == 1
    assert [part.looks for part in store.parts(["old/0", "more/0", "more/1"])].count(1) == 1
    assert delayed_seconds(line) == []


def test_a_long_turn_ends_and_the_next_one_goes_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn makes no call after its time, so that what became due meanwhile does not wait for all that was due."""
    context = line.plant.context
    store, connected = context.store, context.accounts[ACCOUNT]
    add_parts(line)
    asked: list[str] = []

    def slow(remote_ids: list[str]) -> dict[str, Observation]:
        asked.extend(remote_ids)
        store.clock_offset_seconds += poll.TURN_SECONDS
        return {remote_id: Observation(remote_id, RemoteStatus.RUNNING) for remote_id in remote_ids}

    monkeypatch.setattr(connected.provider, "observe", slow)
    monkeypatch.setattr(connected.provider, "capabilities", replace(connected.provider.capabilities, list_jump=None))
    context.hint_poll(ACCOUNT, None)
    for epoch in (1, 3, 5):
        poll.run(context, ACCOUNT, epoch)
    assert sorted(asked) == ["1", "2", "3"]


def test_a_job_alone_is_looked_at_though_full_pages_take_all_calls(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What earlier turns have not come to has a call between two pages, where no turn comes to its last page."""
    context = line.plant.context
    store, connected = context.store, context.accounts[ACCOUNT]
    now, rows = store.now(), connected.provider.capabilities.list_page_rows
    ids = [str(9_000 - n) for n in range(rows * 20)]
    fields: dict[str, Any] = {"now": now, "submitted_at": now, "service": connected.service}
    parts = [a_part("full", n, PartState.SUBMITTED, remote_id=ids[n], **fields) for n in range(len(ids))]
    stored(store, an_upload("full", UploadState.RUNNING, now=now, parts_total=len(ids)), *parts)
    for page in range(20):
        shown = ids[page * rows : (page + 1) * rows]
        connected.places.saw(page + 1, shown, shown, 2_000)
    connected.places.saw(40, ["1"], ["1"], 2_000)
    asked: list[str] = []
    pages: list[int] = []

    def list_page(cursor: str | None) -> ListPage:
        store.clock_offset_seconds += 2.0
        page = int((cursor or "1").rstrip("?"))
        pages.append(page)
        jobs = tuple(Observation(remote_id, RemoteStatus.RUNNING) for remote_id in ids[(page - 1) * rows : page * rows])
        return ListPage(jobs, str(page + 1), 2_000)

    def observe(remote_ids: list[str]) -> dict[str, Observation]:
        asked.extend(remote_ids)
        store.clock_offset_seconds += 2.0
        return {remote_id: Observation(remote_id, RemoteStatus.RUNNING) for remote_id in remote_ids}

    monkeypatch.setattr(connected.provider, "list_page", list_page)
    monkeypatch.setattr(connected.provider, "observe", observe)
    context.hint_poll(ACCOUNT, None)
    store.clock_offset_seconds += LATE_SECONDS
    poll.run(context, ACCOUNT, 1)
    assert asked == ["1"]
    assert pages == [1, 2, 3, 4]


def test_no_turn_begins_while_one_waits_long_for_an_answer(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn keeps its lease while a call lasts longer than that, and gives it back at its end."""
    with running_line(tmp_path, redis_url, broker_url, start=False, rearm_period_seconds=2.0) as line:
        context = line.plant.context
        store, connected = context.store, context.accounts[ACCOUNT]
        add_parts(line)
        client: Any = store.client
        name = store.key("poll", ACCOUNT)

        def slow(remote_ids: list[str]) -> dict[str, Observation]:
            lease_ends_at = float(client.hget(name, "until"))
            wait_until(lambda: float(client.hget(name, "until")) > lease_ends_at, what="the lease's renewal")
            return {remote_id: Observation(remote_id, RemoteStatus.RUNNING) for remote_id in remote_ids}

        monkeypatch.setattr(connected.provider, "observe", slow)
        without_list = replace(connected.provider.capabilities, list_jump=None)
        monkeypatch.setattr(connected.provider, "capabilities", without_list)
        context.hint_poll(ACCOUNT, None)
        poll.run(context, ACCOUNT, 1)
        assert [part.looks for part in store.parts(["more/0", "more/1"])] == [1, 1]
        assert client.hget(name, "until") is None
