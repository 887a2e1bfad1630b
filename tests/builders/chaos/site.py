"""What the chaos happens to: `bulkverify up` with two workers, on a Redis and a disk that can fail, and its load."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.builders.chaos.load import PART_ROWS, Load
from tests.builders.chaos.redis_server import BROKER_DB, STATE_DB, ChaosRedis
from tests.builders.chaos.sandbox_process import SandboxProcess
from tests.builders.chaos.small_disk import LimitedFiles, MountedDisk, a_small_disk
from tests.builders.installation import START_SECONDS, Installation
from tests.builders.leftovers import processes_in
from tests.builders.line import accounts_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

#: The processes that do the work.
WORKING = ("intake", "worker", "poller")
#: Two of them, so that one can go on where the other is frozen.
UP = ("--scale", "worker=2")

#: Settings under which everything that waits does so for seconds, in the order of production's.
SETTINGS: dict[str, object] = {
    "submit_deadline_seconds": 2.0,
    "lease_margin_seconds": 1.0,
    "settle_seconds": 1.0,
    "settle_unnamed_seconds": 2.0,
    "clock_skew_seconds": 1.0,
    "search_seconds_max": 120.0,
    "reconcile_period_seconds": 2.0,
    "work_lease_seconds": 3.0,
    "poll_floor_seconds": 0.1,
    "poll_cap_seconds": 1.0,
    "rearm_grace_seconds": 0.5,
    "rearm_period_seconds": 1.0,
    "safety_look_seconds": 2.0,
}
#: Seconds that a process is frozen: longer than a submit's lease.
FROZEN_SECONDS = 4.5


@dataclass
class ChaosSite:
    """Everything that runs. `chance` decides what is left open."""

    chance: Random
    redis: ChaosRedis
    sandbox: SandboxProcess
    installation: Installation
    disk: MountedDisk | LimitedFiles
    load: Load
    storage: Path
    #: Times that `up` was started again after it had been killed, or had given up on a process.
    restarts: int = 0

    def pids(self, *names: str) -> list[int]:
        """The process ids of all processes of these names."""
        running = processes_in(self.installation.folder).items()
        endings = tuple(f" run {name}" for name in names)
        # Not the shell that is about to become the process.
        return [pid for pid, command in running if command.strip().endswith(endings) and "/sh " not in command]

    def pick(self, name: str) -> int:
        """One process of that name, started again by now if it had ended."""
        self.load.until(lambda: bool(self.pids(name)), seconds=START_SECONDS, what=f"a {name}")
        return self.chance.choice(self.pids(name))

    def kill(self, pid: int) -> None:
        """End a process at once."""
        os.kill(pid, signal.SIGKILL)

    def freeze_for_long(self, pid: int) -> None:
        """Stop a process for longer than a submit's lease, then let it go on where it was."""
        os.kill(pid, signal.SIGSTOP)
        try:
            self.load.go_on(FROZEN_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)

    def is_up(self) -> bool:
        """Whether `up` runs; where it has ended it is started again, as a service manager does."""
        ended = self.installation.ended
        if ended:
            self.restarts += 1
            self.installation.start(*UP)
        return not ended


@contextmanager
def running_chaos_site(
    folder: Path, chance: Random, *, period_seconds: float, **settings: object
) -> Iterator[ChaosSite]:
    """Everything that the chaos needs, running until the end of the block; a list is sent every `period_seconds`.

    `settings` replace those of `SETTINGS`; one of `None` is left as it is in production.
    """
    redis, storage = ChaosRedis(folder / "redis"), folder / "storage"
    with SandboxProcess(folder / "sandbox") as sandbox:
        site: ChaosSite
        installation = Installation(
            folder / "installation",
            accounts_file=accounts_file(folder, sandbox.base_url, more=f"max_part_rows = {PART_ROWS}"),
            redis_url=redis.url(STATE_DB),
            broker_url=redis.url(BROKER_DB),
            storage_url=storage.as_uri(),
            **(SETTINGS | settings),
        )
        with a_small_disk(storage, lambda: site.pids(*WORKING)) as disk:
            load = Load(redis, installation.lists, period_seconds)
            site = ChaosSite(chance, redis, sandbox, installation, disk, load, storage)
            try:
                redis.start()
                installation.start(*UP)
                yield site
            finally:
                load.close()
                installation.clean_up()
                redis.kill()
