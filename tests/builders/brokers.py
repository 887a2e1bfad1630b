"""Brokers and workers on a real Redis, as the program's own processes have them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import dramatiq
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.broker.sorted_set import DELAYED_KEYS, NAMESPACE, SortedSetBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dramatiq.brokers.redis import RedisBroker


@contextlib.contextmanager
def a_broker(url: str, **options: Any) -> Iterator[SortedSetBroker]:
    """A broker of its own connection, with these options; closed at the end of the block."""
    client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5.0)
    broker = SortedSetBroker(client, **options)
    try:
        yield broker
    finally:
        broker.close()
        client.close()


def an_actor(broker: SortedSetBroker, act: Callable[..., object], **options: Any) -> dramatiq.Actor[..., object]:
    """An actor that does `act`, in the queue `work`, never retried unless the options say so."""
    chosen: dict[str, Any] = {"max_retries": 0} | options
    return dramatiq.actor(actor_name="act", queue_name="work", broker=broker, **chosen)(act)


@contextlib.contextmanager
def working(broker: SortedSetBroker, threads: int = 1, wait_milliseconds: int = 10) -> Iterator[dramatiq.Worker]:
    """A worker that runs the broker's actors until the end of the block."""
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=wait_milliseconds)
    worker.queue_prefetch = threads * 2
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=10_000)


class Queues:
    """What stands in the broker's database."""

    def __init__(self, broker: RedisBroker) -> None:
        self._client: Any = broker.client

    def ready(self) -> int:
        """Messages that wait in the queue `work`."""
        return int(self._client.llen(f"{NAMESPACE}:work"))

    def kept(self) -> int:
        """Messages of the queue `work` that are not done: waiting, or fetched by some worker."""
        return int(self._client.hlen(f"{NAMESPACE}:work.msgs"))

    def delayed(self) -> int:
        """Messages that are not due yet."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zcard(DELAYED_KEYS[0])
            pipe.hlen(DELAYED_KEYS[1])
            members, texts = map(int, pipe.execute())
        assert members == texts
        return members

    def dead(self) -> int:
        """Messages of the queue `work` that failed for good."""
        return int(self._client.zcard(f"{NAMESPACE}:work.XQ"))

    def text(self) -> bytes:
        """Everything in the database, keys and values, as one text."""
        found = []
        for key in self._client.scan_iter():
            kind = self._client.type(key)
            found.append(key)
            if kind == b"hash":
                found += [part for pair in self._client.hgetall(key).items() for part in pair]
            elif kind == b"list":
                found += self._client.lrange(key, 0, -1)
            elif kind == b"zset":
                found += self._client.zrange(key, 0, -1)
            elif kind == b"string":
                found.append(self._client.get(key))
            else:
                found += self._client.smembers(key)
        return b"\n".join(found)
