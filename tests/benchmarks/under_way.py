"""A crowd on a Redis of its own with its simulated provider, and the processes that look at its jobs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import dramatiq
import redis

from tests.benchmarks.crowd import Crowd, write_uploads
from tests.builders.deadline import wait_until
from tests.builders.line import WHOISXML_KEY
from worker.broker.newer import VERSION_OPTION
from worker.broker.sorted_set import SortedSetBroker
from worker.context import SERVICE_DIGITS
from worker.core.schema import SCHEMA_VERSION
from worker.core.states import Lane
from worker.host.embedded import EmbeddedServer
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Processes that write a crowd, and uploads that one writes at a time.
WRITERS = 2
UPLOADS_AT_ONCE = 250
#: Seconds that a process gets to begin, and to end.
BEGIN_SECONDS = 60.0
STOP_SECONDS = 30.0
#: What is in the log of a process that has started.
STARTED = "process_started"
#: Characters of a process's log that are shown when it ended by itself.
LOG_CHARACTERS = 2_000
#: Seconds between two walks over the accounts' lists: there is none while a crowd is watched.
NO_WALK_SECONDS = 86_400.0
#: Where Python finds this project, whatever is installed.
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class UnderWay:
    """A crowd on its server, the provider that has its jobs, and the settings under which processes find both."""

    crowd: Crowd
    #: Epoch seconds for which its looks are planned.
    moment: float
    folder: Path
    server: EmbeddedServer
    provider: subprocess.Popen[str]
    provider_url: str

    @property
    def redis_url(self) -> str:
        """The state database."""
        return self.server.url(0)

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """The store."""
        with redis.Redis.from_url(self.redis_url, decode_responses=True) as client:
            yield Store(client)

    def write(self, told: Callable[[int], None]) -> None:
        """Write the whole crowd from several processes; `told` hears how many more uploads there are."""
        starts = range(0, self.crowd.parts, UPLOADS_AT_ONCE)
        batches = (range(start, min(start + UPLOADS_AT_ONCE, self.crowd.parts)) for start in starts)
        write = partial(write_uploads, self.redis_url, self.crowd, self.moment, self.folder)
        with multiprocessing.get_context("spawn").Pool(WRITERS) as pool:
            for written in pool.imap_unordered(write, batches):
                told(written)
        with self.store() as store:
            for account in self.crowd.accounts:
                store.tick(f"reconcile:{account}", NO_WALK_SECONDS)

    def arm(self) -> None:
        """Send the message with which the poll of each account goes on, as the line does when it submits."""
        with self.store() as store, redis.Redis.from_url(self.server.url(1)) as client:
            broker = SortedSetBroker(client)
            broker.declare_queue(Lane.POLL)
            for account in self.crowd.accounts:
                planned = store.offer_poll(account, store.next_due(account, Lane.POLL), 0.0)
                if planned is None:
                    continue
                epoch, delay_seconds = planned
                message: dramatiq.Message[None] = dramatiq.Message(
                    queue_name=str(Lane.POLL),
                    actor_name=str(Lane.POLL),
                    args=(account, epoch),
                    kwargs={},
                    options={VERSION_OPTION: SCHEMA_VERSION},
                )
                broker.enqueue(message, delay=int(delay_seconds * 1000))

    def provider_calls(self) -> int:
        """Status calls that the provider has answered."""
        assert self.provider.stdin is not None
        assert self.provider.stdout is not None
        print(file=self.provider.stdin, flush=True)
        return int(json.loads(self.provider.stdout.readline()).get("status", 0))

    @contextlib.contextmanager
    def running(self, module: str, *arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a module of this folder as a process with the crowd's settings, until the end of the block.

        It begins when the process says in its log that it has started. Raises `RuntimeError` for one that ends before.
        """
        with (self.folder / f"{module}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"tests.benchmarks.{module}", *map(str, arguments)],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(
                lambda: process.poll() is not None or STARTED in self._log(module), seconds=BEGIN_SECONDS, what=module
            )
            self._must_run(process, module)
            yield process
            self._must_run(process, module)
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()

    def _must_run(self, process: subprocess.Popen[bytes], module: str) -> None:
        if process.poll() is not None:
            raise RuntimeError(f"{module} ended by itself: {self._log(module)[-LOG_CHARACTERS:]}")

    def _log(self, module: str) -> str:
        return (self.folder / f"{module}.log").read_text()

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
        settings = {
            "home": self.folder,
            "redis_url": self.redis_url,
            "broker_url": self.server.url(1),
            "input_roots": self.folder,
            "accounts_file": self.folder / "accounts.toml",
            "log_format": "json",
            "reconcile_period_seconds": NO_WALK_SECONDS,
        }
        return inherited | {f"BULKVERIFY_{name.upper()}": str(value) for name, value in settings.items()}


@contextlib.contextmanager
def under_way(parts: int, folder: Path, *, ready_in_seconds: float) -> Iterator[UnderWay]:
    """A crowd that is still to be written, planned for a moment in so many seconds; its provider has its jobs."""
    folder.mkdir()
    moment = time.time() + ready_in_seconds
    with (
        EmbeddedServer(folder) as server,
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.crowd_provider", str(parts), str(moment), str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as provider,
    ):
        assert provider.stdout is not None
        assert provider.stdin is not None
        urls = json.loads(provider.stdout.readline())
        crowd = Crowd(parts, _accounts(folder, dict(zip(Crowd(parts).accounts, urls, strict=True))))
        yield UnderWay(crowd, moment, folder, server, provider, urls[0])
        provider.stdin.close()


def _accounts(folder: Path, provider_urls: Mapping[str, str]) -> tuple[str, ...]:
    """Write the accounts file; where each of its accounts speaks to, as records name it."""
    key_file = folder / "whoisxml.key"
    key_file.write_text(WHOISXML_KEY)
    key_file.chmod(0o600)
    base_urls = {name: f"{url}/whoisxml/api/bevService" for name, url in provider_urls.items()}
    sections = [
        f"""
[accounts.{name}]
provider = "whoisxml"
key_file = {json.dumps(str(key_file))}
base_url = "{base_url}"
requests_per_second = 1000
max_active = 10000
"""
        for name, base_url in base_urls.items()
    ]
    (folder / "accounts.toml").write_text("".join(sections))
    # As `worker.context.Connected.service` names it.
    return tuple(
        hashlib.sha256(f"whoisxml {base_url}".encode()).hexdigest()[:SERVICE_DIGITS] for base_url in base_urls.values()
    )
