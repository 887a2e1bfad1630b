"""What is usually done: one delayed dramatiq message for each job, which asks for that job and sends itself again.

`python -m tests.benchmarks.plain_poller REDIS_URL PROVIDER_URL FILE` runs a worker with dramatiq's own `RedisBroker`
and its defaults until SIGTERM; then FILE gets a line `number lateness` for each look.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dramatiq
import redis
import requests
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import dq_name

from tests.benchmarks.crowd import FIRST_REMOTE_ID, POLICY
from tests.benchmarks.under_way import STARTED
from tests.builders.line import WHOISXML_KEY
from worker.core.schedule import next_look_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The one queue, and the actor in it.
QUEUE = "look"
#: Threads of the worker: as many as a poller of ours has.
THREADS = 8
#: Messages put into Redis by one pipeline.
PIPELINE_MESSAGES = 1_000
#: Seconds until a call is given up.
TIMEOUT_SECONDS = 30.0


def enqueue_looks(url: str, looks: Iterable[tuple[int, float, float]]) -> None:
    """Put one delayed message for each (number, due at, submitted at) where dramatiq's broker would put it.

    The same keys and texts as `send_with_options(delay=…)` writes, without its round trip for each.
    """
    queue = dq_name(QUEUE)
    with redis.Redis.from_url(url) as client:
        pipeline = client.pipeline(transaction=False)
        for number, due_at, submitted_at in looks:
            identifier = f"look-{number}"
            message: dramatiq.Message[None] = dramatiq.Message(
                queue_name=queue,
                actor_name=QUEUE,
                args=(number, due_at, submitted_at),
                kwargs={},
                options={"eta": int(due_at * 1000), "redis_message_id": identifier},
            )
            pipeline.hset(f"dramatiq:{queue}.msgs", identifier, message.encode())
            pipeline.rpush(f"dramatiq:{queue}", identifier)
            if len(pipeline) >= 2 * PIPELINE_MESSAGES:
                pipeline.execute()
        pipeline.execute()


def main() -> None:
    """Work until told to stop."""
    redis_url, provider_url, out = sys.argv[1:]
    dramatiq.set_encoder(dramatiq.JSONEncoder())
    broker = RedisBroker(url=redis_url)  # type: ignore[no-untyped-call]  # dramatiq's broker is untyped
    local = threading.local()
    looked: list[tuple[int, float]] = []

    @dramatiq.actor(actor_name=QUEUE, queue_name=QUEUE, broker=broker)
    def look(number: int, due_at: float, submitted_at: float) -> None:
        session: requests.Session = local.__dict__.setdefault("session", requests.Session())
        body = {"apiKey": WHOISXML_KEY, "ids": [FIRST_REMOTE_ID + number]}
        url = f"{provider_url}/whoisxml/api/bevService/request/status"
        answer = session.post(url, json=body, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        now = time.time()
        looked.append((number, max(now - due_at, 0.0)))
        if answer.json()["response"][0]["ready"]:
            return
        wait_seconds = next_look_seconds(POLICY, age_seconds=now - submitted_at)
        look.send_with_options(args=(number, now + wait_seconds, submitted_at), delay=int(wait_seconds * 1000))

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: stopping.set())
    worker = dramatiq.Worker(broker, worker_threads=THREADS)
    worker.start()
    print(STARTED, flush=True)  # noqa: T201 - how its parent learns it
    stopping.wait()
    # Before the worker stops: handing back what it holds takes long, and is not measured.
    Path(out).write_text("".join(f"{number} {lateness}\n" for number, lateness in list(looked)))


if __name__ == "__main__":
    main()
