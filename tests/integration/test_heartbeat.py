"""The heartbeat: a process that lives is never taken for dead, whatever else it does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from tests.builders.brokers import a_broker
from tests.builders.deadline import wait_until
from worker.heartbeat import Heartbeat
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.broker.sorted_set import SortedSetBroker

#: Seconds after which the process of a test would be taken for dead.
TIMEOUT_SECONDS = 0.3


@contextmanager
def beating(broker: SortedSetBroker) -> Iterator[Heartbeat]:
    """A heartbeat that beats until the end of the block."""
    heartbeat = Heartbeat(broker, TIMEOUT_SECONDS)
    heartbeat.start()
    try:
        yield heartbeat
    finally:
        heartbeat.stop()
        heartbeat.join(10)


def last_beat(broker: SortedSetBroker) -> float | None:
    """When the process was last heard, in milliseconds since 1970."""
    client: Any = broker.client
    score: float | None = client.zscore("dramatiq:__heartbeats__", broker.broker_id)
    return score


def test_it_beats_at_once_and_again_and_again(broker_url: str) -> None:
    """The process is known from the start, and heard anew from then on, though it fetches nothing."""
    with a_broker(broker_url) as broker, beating(broker) as heartbeat:
        wait_until(lambda: last_beat(broker) is not None, what="the first beat")
        first = last_beat(broker)
        wait_until(lambda: last_beat(broker) != first, what="another beat")
    assert not heartbeat.is_alive()


def test_an_outage_is_waited_out(tmp_path: Path) -> None:
    """While Redis is gone the thread lives and says so, and beats again when Redis is back."""
    server = EmbeddedServer(tmp_path)
    server.start()
    with a_broker(server.url(1)) as broker, capture_logs() as told, beating(broker) as heartbeat:
        wait_until(lambda: last_beat(broker) is not None, what="the first beat")
        server.stop()
        wait_until(lambda: "heartbeat_missed" in [entry["event"] for entry in told], what="a missed beat")
        server.start()
        broker.client.flushdb()
        wait_until(lambda: last_beat(broker) is not None, what="a beat after the outage")
        assert heartbeat.is_alive()
    server.stop()
