"""Each process runs until it is told to stop, and ends itself when it has lost a thread it cannot replace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.builders.deadline import wait_until
from tests.builders.line import accounts_file
from worker.processes import THREAD_DEAD_EXIT_CODE
from worker.store.pulse import Role

if TYPE_CHECKING:
    from pathlib import Path

    import redis

#: Runs a worker one of whose consumer threads ends at once, as one does that Redis has failed at the wrong moment.
LOSES_A_THREAD = """
import dramatiq.worker
run = dramatiq.worker.ConsumerThread.run
dramatiq.worker.ConsumerThread.run = lambda thread: None if thread.queue_name == "collect" else run(thread)
from config.settings import Settings
from worker.processes import run_worker
run_worker(Settings.load())
"""


def environment(folder: Path, redis_url: str, broker_url: str) -> dict[str, str]:
    """What a process needs to be told."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    own = {
        "BULKVERIFY_HOME": str(folder),
        "BULKVERIFY_REDIS_URL": redis_url,
        "BULKVERIFY_BROKER_URL": broker_url,
        "BULKVERIFY_ACCOUNTS_FILE": str(accounts_file(folder, "http://127.0.0.1:9")),
        "BULKVERIFY_LOG_FORMAT": "json",
        "BULKVERIFY_METRICS_PORT": "0",
    }
    return inherited | own


def events(log: Path) -> list[str]:
    """The events in a process's log."""
    return [json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{")]


def test_a_process_that_loses_a_thread_ends_itself(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A worker with a dead consumer would look alive and do nothing; it ends, and says which thread died."""
    ended = subprocess.run(
        [sys.executable, "-c", LOSES_A_THREAD],
        env=environment(tmp_path, redis_url, broker_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == THREAD_DEAD_EXIT_CODE
    assert '"event": "thread_died"' in ended.stderr


@pytest.mark.parametrize("roles", [("intake",), ("worker", "timekeeper"), ("poller", "timekeeper")])
def test_a_process_is_heard_in_its_roles(
    tmp_path: Path, redis_client: redis.Redis, redis_url: str, broker_url: str, roles: tuple[str, ...]
) -> None:
    """Each process says that it lives, its own role and the thread that keeps time, and no other role."""
    with subprocess.Popen(
        [sys.executable, "-m", "worker.cli.main", "run", roles[0]],
        env=environment(tmp_path, redis_url, broker_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            known = {role for role in Role if role in roles}
            wait_until(lambda: all(redis_client.zcard(f"bulkverify:alive:{role}") for role in known), seconds=30)
            assert not any(redis_client.zcard(f"bulkverify:alive:{role}") for role in set(Role) - known)
        finally:
            process.terminate()


@pytest.mark.parametrize("name", ["intake", "worker", "poller", "exporter"])
def test_a_process_stops_in_order_however_often_it_is_signalled_at_once(
    tmp_path: Path, redis_url: str, broker_url: str, name: str
) -> None:
    """SIGTERM ends each process with exit code 0, also when a terminal and a supervisor send it both."""
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli.main", "run", name],
            env=environment(tmp_path, redis_url, broker_url),
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: "process_started" in events(log), seconds=30)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "process_stopping" in events(log)
    assert not [path for path in (tmp_path / "scratch").glob("*") if path.is_dir()]
