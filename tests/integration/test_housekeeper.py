"""The housekeeper: every act in its turn, by one process at a time, through every outage."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.builders.deadline import wait_until
from tests.builders.ended import DAY_SECONDS, an_ended_upload
from tests.builders.line import Line, running_line
from worker.core.tombstone import Tombstone
from worker.retention.housekeeper import Act, Housekeeper
from worker.storage import exists
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose workers do not run."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line


def housekeeper_of(line: Line, process: str) -> Housekeeper:
    """A housekeeper of another process."""
    return Housekeeper(dataclasses.replace(line.plant.context, process=process))


def test_one_process_at_a_time_does_an_act(line: Line) -> None:
    """While one is at it, and until the period after that is over, nobody else begins."""
    one, other = housekeeper_of(line, "one:1"), housekeeper_of(line, "other:1")
    done: list[bool] = []
    act = Act("test", 0.05, lambda: done.append(other.take_turn(Act("test", 0.05, lambda: None))))
    assert one.take_turn(act)
    assert done == [False]
    assert not other.take_turn(act)
    wait_until(lambda: other.take_turn(Act("test", 60.0, lambda: None)), what="the next turn")
    assert not one.take_turn(act)


def test_a_turn_that_another_took_over_is_not_ended_by_the_first(line: Line) -> None:
    """A process that was frozen in its turn does not give away what is no longer its own."""
    retention = housekeeper_of(line, "one:1").retention
    assert retention.take_turn("test", "one:1", 0.01)
    wait_until(lambda: retention.take_turn("test", "other:1", 60.0), what="the next turn")
    retention.end_turn("test", "one:1", 0.001)
    assert not retention.take_turn("test", "one:1", 60.0)


def test_the_thread_keeps_house_and_outlives_what_goes_wrong(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended uploads are purged and their files removed; an act that fails or crashes keeps no other from its turn."""
    monkeypatch.setattr("worker.retention.housekeeper.LOOK_SECONDS", 0.01)
    context = line.plant.context
    an_ended_upload(context.store)
    context.storage.create("uploads/list-1/input/list.csv", b"x")
    context.store.clock_offset_seconds += 31 * DAY_SECONDS
    keeper = Housekeeper(context)

    def failing(error: Exception) -> None:
        raise error

    keeper.acts = (
        Act("refused", 0.01, lambda: failing(StoreUnavailable("gone"))),
        Act("broken", 0.01, lambda: failing(ValueError("a defect"))),
        *keeper.acts,
    )
    with capture_logs() as told:
        keeper.start()
        wait_until(lambda: isinstance(context.store.found("list-1"), Tombstone), what="a tombstone")
        wait_until(lambda: not exists(context.storage, "uploads/list-1/input/list.csv"), what="no staged file")
        wait_until(lambda: len({entry["event"] for entry in told if "act" in entry}) == 2, what="both failures")
        keeper.stop()
        keeper.join(10)
    assert not keeper.is_alive()


def test_consumers_that_are_gone_are_dropped_and_their_requests_are_not(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every intake that ever ran left its name; names go, but one with an unanswered request stays for its takeover."""
    client: Any = line.plant.context.store.client
    client.xadd("bulkverify:uploads", {"request": "{}"})
    client.xreadgroup("intake", "died-in-it:1", {"bulkverify:uploads": ">"})
    client.xgroup_createconsumer("bulkverify:uploads", "intake", "ended:1")
    keeper = Housekeeper(line.plant.context)
    assert keeper.retention.drop_consumers() == 0
    monkeypatch.setattr("worker.store.retention.CONSUMER_IDLE_SECONDS", 0.001)
    wait_until(lambda: keeper.retention.drop_consumers() == 1, what="one consumer dropped")
    assert [each["name"] for each in client.xinfo_consumers("bulkverify:uploads", "intake")] == ["died-in-it:1"]
    assert client.xpending("bulkverify:uploads", "intake")["pending"] == 1
