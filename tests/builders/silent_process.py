"""What happens when a process is silent for longer than the heartbeat timeout, and then goes on where it was."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import redis

from tests.builders.broker_process import RAN, a_process, declare
from tests.builders.deadline import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from dramatiq.brokers.redis import RedisBroker


class SilentProcess:
    """A process that is stopped like a machine that sleeps, and another one that takes its place."""

    #: Messages sent, and seconds after which they are due and after which a silent process is taken for dead.
    MESSAGES, DELAY_SECONDS, TIMEOUT_SECONDS = 20, 4.0, 1.5

    def __init__(self, folder: Path, kind: str, broker: RedisBroker, urls: tuple[str, str], stack: ExitStack) -> None:
        """`urls`: the database of `broker`, and one to count in. What is started ends with `stack`."""
        self._ran = redis.Redis.from_url(urls[1])
        self._broker: Any = broker
        self._start: Callable[[], subprocess.Popen[bytes]] = lambda: stack.enter_context(
            a_process(folder, kind, *urls, timeout_seconds=self.TIMEOUT_SECONDS)
        )
        stack.callback(self._ran.close)

    def ran(self) -> int:
        """Messages that were run, by whomever."""
        count: Any = self._ran.llen(RAN)
        return int(count)

    def start(self) -> subprocess.Popen[bytes]:
        """One more process that beats its heart."""
        before = self._beating()
        process = self._start()
        wait_until(lambda: self._beating() > before, seconds=30, what="another process")
        return process

    def _beating(self) -> int:
        return int(self._broker.client.zcard("dramatiq:__heartbeats__"))

    def play(self, ready: Callable[[], bool]) -> None:
        """Send; once `ready`, stop the first process, let a second one do it all, and let the first one go on."""
        first = self.start()
        actor = declare(self._broker, self._ran)["act"]
        for number in range(self.MESSAGES):
            actor.send_with_options(args=(number,), delay=int(self.DELAY_SECONDS * 1000))
        wait_until(ready, what="the first process has what it takes")
        first.send_signal(signal.SIGSTOP)
        self._start()
        wait_until(lambda: self.ran() >= self.MESSAGES, seconds=40, what="the second process has run every message")
        silent = self._hearts()
        first.send_signal(signal.SIGCONT)
        wait_until(lambda: len(self._hearts() - silent) >= 2, seconds=30, what="both processes beat")

    def _hearts(self) -> set[tuple[bytes, float]]:
        return set(self._broker.client.zrange("dramatiq:__heartbeats__", 0, -1, withscores=True))
