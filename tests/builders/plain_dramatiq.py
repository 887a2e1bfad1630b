"""dramatiq as it comes, on a real Redis: what a test compares the program's own broker with."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.broker.sorted_set import MAINTENANCE_PER_MILLION

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def a_plain_broker(url: str, **options: Any) -> Iterator[RedisBroker]:
    """A broker of dramatiq's own, with its own middleware; closed at the end of the block.

    It looks for dead processes with every command, as ours does: by its defaults it takes a quarter of an hour.
    """
    client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5.0)
    chosen = {"client": client, "maintenance_chance": MAINTENANCE_PER_MILLION} | options
    broker = RedisBroker(**chosen)  # type: ignore[no-untyped-call]  # dramatiq's broker is untyped
    try:
        yield broker
    finally:
        broker.close()
        client.close()


@contextlib.contextmanager
def working_plainly(broker: RedisBroker, threads: int = 1, delay_prefetch: int = 1000) -> Iterator[dramatiq.Worker]:
    """A worker of dramatiq's own until the end of the block."""
    worker = dramatiq.Worker(broker, worker_threads=threads, worker_timeout=10)
    worker.delay_prefetch = delay_prefetch
    worker.start()
    try:
        yield worker
    finally:
        worker.stop(timeout=10_000)


def held_by(broker: RedisBroker, queue: str) -> int:
    """Messages of the queue that the broker's process has fetched and not acknowledged, as Redis knows it."""
    client: Any = broker.client
    return int(client.scard(f"dramatiq:__acks__.{broker.broker_id}.{queue}"))
