"""Processes that are killed: their messages are run by others, none is lost, and none waits longer than it must."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import redis
from pydantic import ValidationError

from config.settings import Settings
from tests.builders.broker_process import RAN, THREADS, a_process, declare
from tests.builders.brokers import Queues, a_broker, an_actor
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from worker.actors.declare import WORKER_QUEUES
from worker.processes import dramatiq_worker

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from dramatiq.brokers.redis import RedisBroker

#: Seconds of silence after which a process counts as dead, with room for a busy machine.
TIMEOUT_SECONDS = 3.0
#: Kills, and messages sent before each of them.
KILLS, MESSAGES = 6, 60
#: Messages that one process may have fetched: those of `tests.builders.brokers.working`.
PREFETCH = 2 * THREADS


class Processes:
    """Processes on one broker, which come and go."""

    def __init__(self, folder: Path, broker: RedisBroker, urls: tuple[str, str], stack: ExitStack) -> None:
        self._folder, self._urls, self._stack = folder, urls, stack
        self._client: Any = broker.client
        counts = redis.Redis.from_url(urls[1])
        stack.callback(counts.close)
        self._counts: Any = counts
        self.actors = declare(broker, counts)

    def start(self) -> subprocess.Popen[bytes]:
        """One more process, which beats its heart when this returns."""
        before = self._hearts()
        process = self._stack.enter_context(a_process(self._folder, "ours", *self._urls, TIMEOUT_SECONDS))
        wait_until(lambda: bool(self._hearts() - before), seconds=30, what="another process")
        return process

    def ran(self) -> Counter[int]:
        """How often each message was run."""
        return Counter(int(number) for number in self._counts.lrange(RAN, 0, -1))

    def has_run_more_than(self, messages: int) -> bool:
        """Whether more different messages than that were run."""
        return len(self.ran()) > messages

    def _hearts(self) -> set[bytes]:
        return set(self._client.zrange("dramatiq:__heartbeats__", 0, -1))


def test_killing_processes_loses_no_message(tmp_path: Path, broker_url: str, redis_url: str) -> None:
    """While processes that move and run messages are killed again and again, every message is run.

    A message is run twice only when its process was killed between running and acknowledging it, so there are no more
    of those than the killed processes can have had.
    """
    chance = random.Random(7)
    with a_broker(broker_url) as broker, ExitStack() as stack:
        processes, queues = Processes(tmp_path, broker, (broker_url, redis_url), stack), Queues(broker)
        running = [processes.start(), processes.start()]
        for kill in range(KILLS):
            sent = kill * MESSAGES
            for number in range(sent, sent + MESSAGES):
                processes.actors["act"].send_with_options(args=(number,), delay=chance.randrange(400) or None)
            wait_until(partial(processes.has_run_more_than, sent), seconds=30, what="messages on their way")
            running.pop(0).kill()
            running.append(processes.start())
        wait_until(lambda: len(processes.ran()) == KILLS * MESSAGES, seconds=40, what="every message run")
        wait_until(lambda: (queues.kept(), queues.delayed()) == (0, 0), seconds=40, what="no message left")
        assert sum(processes.ran().values()) - KILLS * MESSAGES <= KILLS * PREFETCH


def test_the_message_of_a_killed_process_is_run_by_another(tmp_path: Path, broker_url: str, redis_url: str) -> None:
    """What a process was working on when it was killed is run again once the heartbeat timeout has passed."""
    with a_broker(broker_url) as broker, ExitStack() as stack:
        processes = Processes(tmp_path, broker, (broker_url, redis_url), stack)
        first = processes.start()
        processes.actors["hold"].send(1)
        wait_until(lambda: processes.ran() == {1: 1}, what="the message at work")
        processes.start()
        # It is not taken from a process that works for longer than the timeout: the heart of that one beats.
        beats = _beats(broker)
        wait_until(lambda: _beats(broker) >= beats + 1000 * TIMEOUT_SECONDS, what="the timeout passed at work")
        assert processes.ran() == {1: 1}
        first.kill()
        wait_until(lambda: processes.ran() == {1: 2}, seconds=TIMEOUT_SECONDS + 10, what="the message run by another")


def _beats(broker: RedisBroker) -> float:
    """When the process was last heard that was silent for longest, in milliseconds since 1970."""
    client: Any = broker.client
    return float(min(at for _, at in client.zrange("dramatiq:__heartbeats__", 0, -1, withscores=True)))


def test_an_idle_consumer_looks_as_often_as_it_is_told(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long its queue has been empty, the time between two looks does not grow beyond the setting."""
    waits: list[float] = []
    monkeypatch.setattr("dramatiq.brokers.redis.time.sleep", waits.append)
    with a_broker(broker_url) as broker:
        an_actor(broker, print)
        consumer = broker.consume("work", prefetch=1, timeout=int(Settings().consumer_wait_seconds * 1000))
        assert [next(consumer) for _ in range(100)] == [None] * 100
    assert len(waits) == 100
    assert max(waits) <= Settings().consumer_wait_seconds == 0.1


def test_a_process_takes_its_settings(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The heartbeat timeout and the consumers' wait are those of the settings, and each thread has one message."""
    chosen = {"heartbeat_timeout_seconds": 7.5, "consumer_wait_seconds": 0.25}
    with running_line(tmp_path, redis_url, broker_url, start=False, **chosen) as line:
        worker = dramatiq_worker(line.plant, line.settings, WORKER_QUEUES, threads=3)
        assert line.plant.broker.heartbeat_timeout == 7_500
        assert (worker.worker_timeout, worker.queue_prefetch) == (250, 3)


def test_a_dead_process_is_missed_for_a_minute_at_most() -> None:
    """Whatever is set, the messages of a dead process are back in their queue within a minute."""
    Settings(heartbeat_timeout_seconds=55, consumer_wait_seconds=5)
    for name, seconds in (("heartbeat_timeout_seconds", 55.1), ("consumer_wait_seconds", 5.1)):
        with pytest.raises(ValidationError, match="less than or equal to"):
            Settings.model_validate({name: seconds})
