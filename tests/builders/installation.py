"""A whole installation as an operator runs it: `bulkverify up` and the commands, as processes of their own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tests.builders.deadline import wait_until
from tests.builders.leftovers import processes_in
from tests.builders.line import QUICK
from worker.host.embedded import server_url
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.records import PartRecord, UploadRecord

#: How a shell would start the program.
PROGRAM = (sys.executable, "-m", "worker.cli.main")
#: The processes that `up` runs.
PROCESSES = frozenset({"intake", "worker", "poller", "exporter"})
#: Seconds that processes get to start, and a command to end, on a machine that does other things too.
START_SECONDS = 60.0
COMMAND_SECONDS = 30.0
#: Seconds that `up` may take to stop: what its processes get, the supervisor's margin, and a busy machine.
STOP_SECONDS = 20.0
#: Seconds of work that a test waits for at most.
WORK_SECONDS = 60.0

#: Settings under which nothing waits longer than a test can.
SETTINGS: dict[str, object] = QUICK | {
    "poll_floor_seconds": 0.1,
    "submit_deadline_seconds": 2.0,
    "shutdown_seconds": 8.0,
    "timekeeper_period_seconds": 0.05,
    "metrics_port": 0,
    "log_format": "json",
}


class Installation:
    """One home folder, its settings, and the processes on it. Lists belong into `lists`."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Every process runs in `folder`, by which what is left of them is found; a setting of `None` is not set."""
        self.folder = folder
        self.home = folder / "home"
        self.lists = folder / "lists"
        scratch = folder / "scratch"
        for part in (self.home, self.lists, scratch):
            part.mkdir(parents=True)
        chosen = {"home": self.home, "input_roots": self.lists} | SETTINGS | settings
        self.redis_url = str(chosen.get("redis_url") or server_url(self.home))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
        self.environment = inherited | {"TMPDIR": str(scratch)}
        self.environment |= {
            f"BULKVERIFY_{name.upper()}": str(value) for name, value in chosen.items() if value is not None
        }
        self._log = folder / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    # Processes

    def start(self, *arguments: str | Path) -> None:
        """Run `bulkverify up`, and return when each of its processes says that it has started."""
        told = len(self.log())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, "up", *map(str, arguments)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(
            lambda: self.ended or set(self._started(told)) >= PROCESSES, seconds=START_SECONDS, what="every process"
        )
        assert not self.ended, self._log.read_text()

    def stop(self) -> int:
        """Ask `up` to stop, as a service manager does; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_SECONDS)

    def kill(self, name: str) -> None:
        """Kill a process outright, and return when the supervisor has another one running in its place."""
        killed = self.pid(name)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: self.pid(name) != killed, seconds=START_SECONDS, what=f"another {name}")

    def kill_supervisor(self) -> None:
        """Kill `up` itself outright; its processes are asked to end by what ties them to it, in their own time."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    @property
    def ended(self) -> bool:
        """Whether `up` does not run, or not any more."""
        return self._process is None or self._process.poll() is not None

    def pid(self, name: str) -> int:
        """The process id of the newest process of that name."""
        return self._started(0)[name]

    def log(self) -> list[dict[str, Any]]:
        """What `up` and its processes have logged so far. One that could not start says so in plain words."""
        if not self._log.exists():
            return []
        whole_lines = self._log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole_lines.splitlines() if line.startswith("{")]

    def running(self) -> list[str]:
        """Processes of this installation that run now: those whose current folder is the installation's."""
        return [f"{pid} {command}" for pid, command in processes_in(self.folder).items()]

    def _started(self, since: int) -> dict[str, int]:
        """Process ids by name, as each process itself has logged when it was ready."""
        return {
            entry["process"]: entry["pid"]
            for entry in self.log()[since:]
            if entry["event"] == "process_started" and entry["process"] in PROCESSES
        }

    def clean_up(self) -> None:
        """End what still runs, whatever happened; after an orderly stop there is nothing left to do."""
        if not self.ended:
            with suppress(subprocess.TimeoutExpired):
                self.stop()
        for pid in processes_in(self.folder):
            os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)

    # Commands

    def run(self, *arguments: str | Path, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run one `bulkverify` command to its end; `settings` are its own."""
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | {f"BULKVERIFY_{name.upper()}": str(value) for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def told(self, code: int, *arguments: str | Path) -> str:
        """What a command prints on standard output; it ends with `code`."""
        done = self.run(*arguments)
        assert done.returncode == code, (arguments, done)
        return done.stdout

    def list_file(self, name: str, *rows: str) -> Path:
        """A list, one row a line."""
        path = self.lists / name
        path.write_text("".join(f"{row}\n" for row in rows))
        return path

    # Records

    @contextmanager
    def records(self) -> Iterator[Records]:
        """The records, read past the processes."""
        with connect(self.redis_url, 5.0) as client:
            yield Records(Store(client))


@contextmanager
def running_installation(folder: Path, **settings: object) -> Iterator[Installation]:
    """An installation whose `up` runs from the beginning to the end of the block, and stops well, leaving nothing."""
    installation = Installation(folder, **settings)
    try:
        installation.start()
        yield installation
        assert (installation.stop(), installation.running()) == (0, [])
    finally:
        installation.clean_up()


class Records:
    """What the store holds, as tests ask for it."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def upload(self, upload_id: str) -> UploadRecord | None:
        """The upload, if it was accepted."""
        return self.store.upload(upload_id)

    def parts(self, *upload_ids: str) -> list[PartRecord]:
        """The parts that the uploads have so far."""
        found = [upload for upload_id in upload_ids if (upload := self.store.upload(upload_id))]
        return [part for upload in found for part in self.store.parts_of(upload)]

    def states(self, *upload_ids: str) -> dict[str, str]:
        """The state of every upload and part."""
        uploads = {upload_id: upload for upload_id in upload_ids if (upload := self.store.upload(upload_id))}
        parts = {part.part_id: str(part.state) for part in self.parts(*uploads)}
        return {upload_id: str(upload.state) for upload_id, upload in uploads.items()} | parts

    def decisions(self, upload_id: str) -> list[str]:
        """The decisions in an upload's timeline, oldest first."""
        return [entry["decision"] for entry in self.store.timeline(upload_id)]

    def wait_for_parts(self, state: str, number: int, *upload_ids: str) -> None:
        """Return when the uploads have that number of parts, each in `state`."""

        def all_there() -> bool:
            return [part.state for part in self.parts(*upload_ids)] == [state] * number

        wait_until(all_there, seconds=WORK_SECONDS, what=f"{number} parts {state}")

    def wait_for_uploads(self, state: str, *upload_ids: str) -> None:
        """Return when each upload is in `state`."""

        def all_there() -> bool:
            return all(upload and upload.state == state for upload in map(self.store.upload, upload_ids))

        wait_until(all_there, seconds=WORK_SECONDS, what=f"{', '.join(upload_ids)} {state}")

    def spent(self, *upload_ids: str) -> list[tuple[str, str, int]]:
        """(provider, remote id, credits) of every part, sorted: what the providers should have charged, once each."""
        return sorted((part.provider, str(part.remote_id), part.rows) for part in self.parts(*upload_ids))


def result_rows(home: Path, upload_id: str) -> list[dict[str, str]]:
    """The rows of an upload's result."""
    with (home / "storage" / "results" / upload_id / "result.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
