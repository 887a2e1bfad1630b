"""The broker when things go wrong: servers that end, processes that die or only look dead, messages nobody can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq.worker
import pytest
import redis
from dramatiq.errors import BrokerConnectionError
from structlog.testing import capture_logs

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


@pytest.mark.parametrize("ready", [True, False])
def test_a_message_nobody_can_read_becomes_a_dead_letter(broker_url: str, ready: bool) -> None:
    """Damaged or foreign, in a queue or delayed, it is moved aside by whoever fetches it, counted, and told of once."""
    buried: list[str] = []
    with a_broker(broker_url, on_unreadable=buried.append) as broker:
        actor, queues = an_actor(broker, print), Queues(broker)
        actor.send_with_options(args=(1,), delay=None if ready else 1)
        wait_until(lambda: broker.move_due() == 1 or queues.ready() == 1, what="the message in its queue")
        (message_id,) = broker.client.lrange("dramatiq:work", 0, -1)
        broker.client.hset("dramatiq:work.msgs", message_id, b'{"queue_name":')
        with capture_logs() as told:
            assert fetched(broker) is None
        assert (queues.ready(), queues.kept(), queues.dead(), broker.fetched_ids("work")) == (0, 0, 1, set())
        assert (
            broker.client.hget("dramatiq:work.XQ.msgs", message_id) == b'{"unreadable":"{\\"queue_name\\":","bytes":14}'
        )
    assert buried == ["work"]
    assert [entry["event"] for entry in told] == ["message_unreadable"]


def test_each_unreadable_message_is_a_dead_letter_of_its_own(broker: SortedSetBroker) -> None:
    """Several with the same text, and one with another, are all moved; those between them are fetched."""
    actor, queues = an_actor(broker, print), Queues(broker)
    for number in range(6):
        actor.send(number)
    ids = broker.client.lrange("dramatiq:work", 0, -1)
    for place, text in ((0, b"same"), (2, b"same"), (5, b"other")):
        broker.client.hset("dramatiq:work.msgs", ids[place], text)
    consumer = broker.consume("work", prefetch=6, timeout=1)
    assert [next(consumer).args[0] for _ in range(3)] == [1, 3, 4]
    assert (queues.dead(), len(broker.fetched_ids("work"))) == (3, 3)


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


def test_messages_whose_fetch_was_not_answered_are_put_back(
    broker: SortedSetBroker, quick_restarts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the answer to a fetch is lost the process that lives on puts the messages back, and runs each once."""
    done: list[int] = []
    actor = an_actor(broker, done.append)
    fetch = broker.do_fetch
    lost: list[int] = []

    def answer_lost(queue_name: str, messages_max: int) -> list[bytes]:
        texts = fetch(queue_name, messages_max)
        if texts and not lost:
            lost.append(len(texts))
            raise redis.TimeoutError("no answer in time")
        return texts

    monkeypatch.setattr(broker, "do_fetch", answer_lost)
    for number in range(8):
        actor.send(number)
    with working(broker, threads=4):
        wait_until(lambda: len(done) == 8 and not broker.fetched_ids("work"), what="all messages")
    assert (sorted(done), lost) == (list(range(8)), [8])


def test_messages_that_run_are_not_put_back(broker: SortedSetBroker) -> None:
    """A consumer that begins anew leaves alone what its process has and has not acknowledged yet."""
    actor = an_actor(broker, print)
    actor.send(1)
    message = fetched(broker)
    assert fetched(broker) is None
    consumer = broker.consume("work", prefetch=1, timeout=1)
    consumer.ack(message)
    assert broker.fetched_ids("work") == set()


def _too_late(*_: object, **__: object) -> object:
    raise redis.TimeoutError("no answer in time")
