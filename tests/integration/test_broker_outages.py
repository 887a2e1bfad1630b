"""The broker when things go wrong: servers that end, processes that die or only look dead, messages nobody can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq.worker
import pytest
import redis
from dramatiq.errors import BrokerConnectionError

from tests.builders.brokers import Queues, a_broker, an_actor, working
from tests.builders.deadline import wait_until
from worker.broker.hints import BrokerHints
from worker.broker.sorted_set import HEARTBEAT_TIMEOUT_MILLISECONDS, SortedSetBroker
from worker.core.states import Lane
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEARTBEATS = "dramatiq:__heartbeats__"


@pytest.fixture
def broker(broker_url: str) -> Iterator[SortedSetBroker]:
    """Yield a broker on an empty database."""
    with a_broker(broker_url) as broker:
        yield broker


@pytest.fixture
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let consumers come back at once after an error."""
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 0.05)


def fetched(broker: SortedSetBroker) -> Any:
    """The next message of the queue `work`, as a worker of this broker fetches it; `None` when there is none."""
    return next(broker.consume("work", prefetch=1, timeout=1))


def grow_old(broker: SortedSetBroker) -> None:
    """Let more than the heartbeat timeout pass since this broker's last sign of life."""
    client: Any = broker.client
    last = client.zscore(HEARTBEATS, broker.broker_id)
    client.zadd(HEARTBEATS, {broker.broker_id: last - HEARTBEAT_TIMEOUT_MILLISECONDS - 1})


def test_the_messages_of_a_dead_process_go_to_another(broker: SortedSetBroker, broker_url: str) -> None:
    """What a process fetched and did not do before it died is fetched by the next one that looks."""
    an_actor(broker, print).send("a")
    assert fetched(broker).args == ("a",)
    with a_broker(broker_url) as second:
        an_actor(second, print)
        assert fetched(second) is None
        grow_old(broker)
        assert fetched(second).args == ("a",)


def test_a_heartbeat_keeps_a_busy_process_alive(broker: SortedSetBroker, broker_url: str) -> None:
    """A process that is too busy to fetch and beats keeps its messages, however old its last fetch is."""
    an_actor(broker, print).send("a")
    assert fetched(broker).args == ("a",)
    with a_broker(broker_url) as second:
        an_actor(second, print)
        grow_old(broker)
        broker.beat()
        assert fetched(second) is None


def test_a_server_that_ends_strands_no_delayed_message(tmp_path: Path, quick_restarts: None) -> None:
    """Delayed messages survive the end of the server, and the worker that was there runs them when it is back."""
    done: list[int] = []
    server = EmbeddedServer(tmp_path)
    server.start()
    with a_broker(server.url(1)) as broker:
        actor = an_actor(broker, done.append)
        with working(broker):
            for number in range(50):
                actor.send_with_options(args=(number,), delay=200)
            server.stop()
            with pytest.raises(BrokerConnectionError):
                broker.move_due()
            server.start()
            wait_until(lambda: broker.move_due() >= 0 and len(done) == 50, what="all delayed messages")
    server.stop()
    assert sorted(done) == list(range(50))


def test_a_hint_that_cannot_be_sent_is_left_to_the_timekeeper(tmp_path: Path) -> None:
    """Without a broker database a hint is lost quietly: the decision it follows stands in the store."""
    with EmbeddedServer(tmp_path) as server:
        broker_of_a_server = server.url(1)
    with a_broker(broker_of_a_server) as broker:
        _actor_of_the_poll_lane(broker)
        BrokerHints(broker).send(Lane.POLL, "main", 1, 0.0)
        BrokerHints(broker).send(Lane.POLL, "main", 1, 60.0)
        with pytest.raises(BrokerConnectionError):
            broker.beat()


def test_a_full_database_is_an_outage_like_any_other(tmp_path: Path) -> None:
    """A server without memory refuses messages the way a server does that is gone: hints are lost, nothing breaks."""
    with EmbeddedServer(tmp_path) as server, a_broker(server.url(1)) as broker:
        _actor_of_the_poll_lane(broker)
        broker.client.config_set("maxmemory", 1)
        BrokerHints(broker).send(Lane.POLL, "main", 1, 0.0)
        BrokerHints(broker).send(Lane.POLL, "main", 1, 60.0)
        for act in (broker.beat, lambda: broker.enqueue(broker.get_actor("poll").message("main", 1))):
            with pytest.raises(BrokerConnectionError):
                act()
        broker.client.config_set("maxmemory", 0)
        broker.beat()


def _actor_of_the_poll_lane(broker: SortedSetBroker) -> None:
    dramatiq.actor(actor_name=Lane.POLL, queue_name=Lane.POLL, broker=broker)(lambda item, epoch: None)


def test_a_message_nobody_can_read_does_not_strand_its_neighbours(
    broker: SortedSetBroker, quick_restarts: None
) -> None:
    """Of eight messages fetched together the third is damaged: the other seven run in the same process."""
    done: list[int] = []
    actor = an_actor(broker, done.append)
    for number in range(8):
        actor.send(number)
    third = broker.client.lindex("dramatiq:work", 2)
    broker.client.hset("dramatiq:work.msgs", third, b'{"queue_name":')
    with working(broker, threads=8):
        wait_until(lambda: len(done) == 7, seconds=5, what="the seven good messages")
    assert sorted(done) == [0, 1, 3, 4, 5, 6, 7]


def test_flushing_the_broker_database_does_not_stop_its_workers(broker: SortedSetBroker) -> None:
    """After every key was deleted, messages that are sent then run in the workers that were there before."""
    done: list[str] = []
    actor = an_actor(broker, done.append)
    with working(broker):
        actor.send("before")
        wait_until(lambda: done == ["before"], what="the first message")
        actor.send_with_options(args=("lost",), delay=60_000)
        broker.client.flushdb()
        actor.send("after")
        wait_until(lambda: done == ["before", "after"], what="the message after the flush")
    assert Queues(broker).delayed() == 0


def test_a_server_that_does_not_answer_counts_as_gone(broker: SortedSetBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer whose command times out is restarted like one whose connection broke, so its messages are not lost."""
    an_actor(broker, print).send("a")
    consumer = broker.consume("work", prefetch=1, timeout=1)
    with monkeypatch.context() as patch:
        patch.setattr(broker.client, "execute_command", _too_late)
        with pytest.raises(BrokerConnectionError):
            next(consumer)
    assert fetched(broker).args == ("a",)


def _too_late(*_: object, **__: object) -> object:
    raise redis.TimeoutError("no answer in time")
