"""The states of the alerts on what everything runs on."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from producers.client import Client
from tests.builders.chaos.redis_server import BROKER_DB
from tests.builders.runbook.states.state import State, a_name, wait_for_metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk


@contextmanager
def nothing_is_looked_at(desk: Desk) -> Iterator[State]:
    """Neither workers nor pollers do anything, and work is due."""
    with desk.frozen("worker", "poller"):
        upload = desk.submit(a_name("overdue"), "rough-ipqs")
        wait_for_metric(desk, r'timers_overdue\{account="rough-ipqs",lane="prepare",[^}]*\} 1')
        wait_for_metric(desk, r'processes\{process="timekeeper"\} 0')
        yield State(upload=upload)


@contextmanager
def no_poller(desk: Desk) -> Iterator[State]:
    """Pollers do nothing."""
    with desk.frozen("poller"):
        wait_for_metric(desk, r'processes\{process="poller"\} 0')
        yield State()


@contextmanager
def redis_is_full(desk: Desk) -> Iterator[State]:
    """Redis's memory is nearly used up, and what it does then loses records."""
    with desk.redis.client() as server:
        server.config_set("maxmemory", str(int(server.info("memory")["used_memory"] * 1.05)))
        server.config_set("maxmemory-policy", "allkeys-lru")
        yield State()
        server.config_set("maxmemory", "0")
        server.config_set("maxmemory-policy", "noeviction")


@contextmanager
def redis_is_down(desk: Desk) -> Iterator[State]:
    """Redis does not run."""
    desk.redis.kill()
    yield State(mend=desk.redis.start)


@contextmanager
def the_exporter_is_silent(desk: Desk) -> Iterator[State]:
    """The exporter does not answer."""
    with desk.frozen("exporter"):
        yield State()


@contextmanager
def counters_are_damaged(desk: Desk) -> Iterator[State]:
    """The exporter cannot read a file of counters."""
    damaged = desk.installation.home / "metrics" / "counter_1.db"
    damaged.write_bytes(b"damaged")
    wait_for_metric(desk, r'exporter_errors_total\{source="processes"\} [1-9]')
    yield State(mend=damaged.unlink)


@contextmanager
def a_message_died(desk: Desk) -> Iterator[State]:
    """A message is among the dead ones."""
    with desk.redis.client(BROKER_DB) as broker:
        broker.zadd("dramatiq:submit.XQ", {"a-message": time.time() * 1_000})
    yield State()


@contextmanager
def a_secret_was_stopped(desk: Desk) -> Iterator[State]:
    """A request names a list by an address with a key in it, and the log tells that there is no such list."""
    path = desk.installation.list_file(f"list?apikey={a_name('key')}", "somebody@example.com")
    with desk.frozen("intake"), Client(desk.installation.redis_url, producer="crm") as client:
        client.submit(path, account="rough-ipqs", kind="email", upload_id=a_name("keyed"))
        path.unlink()
    wait_for_metric(desk, r"redactions_total\{[^}]*\} [1-9]")
    yield State()
