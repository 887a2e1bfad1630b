"""A process that runs messages of the queue `work`, to be stopped and killed by tests: ours, or plain dramatiq.

    python -m tests.builders.broker_process ours|plain BROKER_URL RAN_URL HEARTBEAT_TIMEOUT_SECONDS

The actor `act` appends its argument to the list `ran` at RAN_URL; `hold` does so too, and the first time that it is run
it does not end; `leak` fails with a key in its error. Like the program's own processes, ours moves what is due, and
beats its heart in a thread of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import dramatiq
import redis
import requests
from dramatiq.encoder import JSONEncoder
from dramatiq.errors import BrokerConnectionError
from pydantic import SecretStr

from config.logs import configure_logging
from config.redaction import redactor
from config.settings import Settings
from tests.builders.brokers import a_broker, working
from tests.builders.plain_dramatiq import a_plain_broker, working_plainly
from worker.heartbeat import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dramatiq.brokers.redis import RedisBroker

#: A key that an error may hold; ours knows it as it knows every configured key.
KEY = "Probe0Canary1Key2Of3ThirtyTwo4Ch"
#: Threads of a process.
THREADS = 4
#: Seconds between two moves of due messages.
MOVE_SECONDS = 0.02
#: Milliseconds that an idle consumer waits, as in production.
CONSUMER_WAIT_MILLISECONDS = int(Settings().consumer_wait_seconds * 1000)
#: Key of the list of what was run.
RAN = "ran"


def declare(broker: RedisBroker, ran: redis.Redis) -> dict[str, dramatiq.Actor[..., Any]]:
    """The actors, by name."""

    def act(number: int) -> None:
        ran.rpush(RAN, number)

    def hold(number: int) -> None:
        ran.rpush(RAN, number)
        if ran.incr("held") == 1:
            threading.Event().wait()

    def leak() -> NoReturn:
        raise requests.HTTPError(f"404 for url: https://example.invalid/api/json/{KEY}/csv")

    declared: Any = partial(dramatiq.actor, queue_name="work", broker=broker)
    # A leak is retried in an hour: what the message holds meanwhile can be looked at.
    return {
        "act": declared(actor_name="act")(act),
        "hold": declared(actor_name="hold")(hold),
        "leak": declared(actor_name="leak", max_retries=1, min_backoff=3_600_000)(leak),
    }


def _run_ours(url: str, ran: redis.Redis, timeout_seconds: float) -> None:
    configure_logging("json", "info")
    redactor.register(SecretStr(KEY))
    with a_broker(url, heartbeat_timeout_milliseconds=int(timeout_seconds * 1000)) as broker:
        declare(broker, ran)
        Heartbeat(broker, timeout_seconds).start()
        with working(broker, threads=THREADS, wait_milliseconds=CONSUMER_WAIT_MILLISECONDS):
            while True:
                with contextlib.suppress(BrokerConnectionError):
                    broker.move_due()
                time.sleep(MOVE_SECONDS)


def _run_plainly(url: str, ran: redis.Redis, timeout_seconds: float) -> None:
    logging.basicConfig(level=logging.INFO)
    dramatiq.set_encoder(JSONEncoder())
    with a_plain_broker(url, heartbeat_timeout=int(timeout_seconds * 1000)) as broker:
        declare(broker, ran)
        with working_plainly(broker, threads=THREADS):
            threading.Event().wait()


@contextlib.contextmanager
def a_process(
    folder: Path, kind: str, broker_url: str, ran_url: str, timeout_seconds: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Such a process, killed at the end of the block; what it logs is appended to `log` in the folder."""
    command = [sys.executable, "-m", __spec__.name, kind, broker_url, ran_url, str(timeout_seconds)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    run = {"ours": _run_ours, "plain": _run_plainly}[sys.argv[1]]
    run(sys.argv[2], redis.Redis.from_url(sys.argv[3]), float(sys.argv[4]))
