"""A Redis of the chaos run's own, with an append-only file, that may be frozen, killed, restored and emptied."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.builders.deadline import wait_until
from tests.builders.server_process import free_port
from worker.host.embedded import find_server_binary
from worker.host.tether import TetheredProcess

if TYPE_CHECKING:
    from pathlib import Path

#: Logical databases of the records and of the queues.
STATE_DB, BROKER_DB = 0, 1
#: Seconds that the server gets to start, its append-only file read.
START_SECONDS = 20.0
#: Seconds that a client of the harness waits for an answer: a frozen server must not freeze the harness for long.
ANSWER_SECONDS = 1.0
#: Where the server keeps its append-only files, below its data.
_APPENDED = "appendonlydir"
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
save ""
appendonly yes
aof-load-truncated yes
maxmemory-policy noeviction
"""


class ChaosRedis:
    """The server, its data in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._copy = folder / "copy"
        self._data.mkdir(parents=True)
        self._port = free_port()
        self._process: TetheredProcess | None = None
        (folder / "redis.conf").write_text(_CONFIGURATION.format(port=self._port))

    def url(self, db: int) -> str:
        """The URL of a logical database."""
        return f"redis://127.0.0.1:{self._port}/{db}"

    def client(self, db: int = STATE_DB) -> redis.Redis:
        """A client that gives up soon and repeats nothing."""
        return redis.Redis.from_url(
            self.url(db),
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def start(self) -> None:
        """Start the server on what its folder holds; return when it answers."""
        with (self._folder / "server.log").open("ab") as output:
            command = [str(find_server_binary()), str(self._folder / "redis.conf")]
            self._process = TetheredProcess(command, environment={"LC_ALL": "C"}, folder=self._data, output=output)
        wait_until(self._answers, seconds=START_SECONDS, what="an answer of Redis")

    def freeze(self) -> None:
        """Stop the server where it is: connections stay open, and nothing is answered."""
        os.kill(self._running.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._running.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, frozen or not; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def flush(self, *databases: int) -> None:
        """Forget all that these databases hold."""
        for db in databases:
            with self.client(db) as client:
                client.flushdb()

    def keep_copy(self) -> None:
        """Copy the append-only files as they are now, in place of the copy before."""
        fresh = self._folder / "copy.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(self._data / _APPENDED, fresh)
        shutil.rmtree(self._copy, ignore_errors=True)
        fresh.rename(self._copy)

    def restore_copy(self) -> None:
        """Put the copy in place of what a server that does not run has written."""
        shutil.rmtree(self._data / _APPENDED)
        shutil.copytree(self._copy, self._data / _APPENDED)

    @property
    def _running(self) -> TetheredProcess:
        assert self._process is not None, "the server does not run"
        return self._process

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
