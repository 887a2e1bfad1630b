"""Small uploads through the whole line, against the HTTP calls alone.

`python -m tests.benchmarks.throughput --json FILE [--profile]`. Lists of three rows go in through the request stream
and out as results, by the real processes with production's durability (append-only file synced every second, attempt
records and results synced before they count). The bare loop makes the same calls to the same simulated provider with
the same number of threads and keeps nothing. Both share the machine's processors with the simulated provider.
"""

from __future__ import annotations

import contextlib
import json
import os
import pstats
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import redis

from producers.client import Client
from tests.benchmarks.bare_loop import rows_of
from tests.benchmarks.command import progress_bar
from tests.benchmarks.report import Cell, Figure, Report, Table
from tests.benchmarks.told import print_report
from tests.builders.line import IPQS_KEY
from worker.host.embedded import EmbeddedServer
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Goals: ours against the bare loop, with calls that take as long as real ones and with instant ones.
RATIO_GOALS = {0.2: 0.8, 0.0: 0.3}
#: Threads of all workers together, and of the bare loop.
THREADS = 8
#: Seconds after which a job is looked at for the first time; production waits longer, which is lag and not throughput.
FLOOR_SECONDS = 1.0
#: Seconds that processes get to begin and to end, and the uploads to be done.
START_SECONDS = 30.0
DONE_SECONDS = 120.0
#: Seconds between two looks at how many are done.
LOOK_SECONDS = 0.05
#: Functions that the profile shows.
PROFILE_FUNCTIONS = 45
#: Where Python finds this project, whatever is installed.
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "ipqs-main"
#: The processes of the line: a worker for each of two cores.
PROCESSES = ("intake", "worker", "worker 2", "poller")


@dataclass(frozen=True, slots=True)
class Run:
    """What one way took for its uploads."""

    uploads: int
    seconds: float
    #: Processor seconds by process, and by stage within them.
    cpu_seconds: dict[str, float]
    stages: dict[str, float]

    @property
    def per_second(self) -> float:
        """Uploads done in one second."""
        return self.uploads / self.seconds


def bare_run(provider_url: str, uploads: int, threads: int) -> Run:
    """The HTTP calls alone, in a process of their own."""
    command = [sys.executable, "-m", "tests.benchmarks.bare_loop", provider_url, str(uploads), str(threads)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Run(uploads, float(done.stdout), {}, {})


def line_run(
    provider_url: str, uploads: int, threads: int, folder: Path, *, profile: bool, told: Callable[[int], None]
) -> Run:
    """Ours: every upload from the request stream to its result."""
    folder.mkdir()
    lists = []
    for number in range(uploads):
        path = folder / f"list-{number}.csv"
        path.write_text("email\n" + "".join(f"{row}\n" for row in rows_of(number)))
        lists.append(path)
    with EmbeddedServer(folder) as server:
        names = [name for name in PROCESSES if not (profile and name == "worker 2")]
        environment = _environment(folder, server, provider_url, -(-threads // sum("worker" in name for name in names)))
        with contextlib.ExitStack() as processes:
            for name in names:
                processes.enter_context(_running(name, folder, environment, profile=profile))
            with redis.Redis.from_url(server.url(0), decode_responses=True) as client:
                store = Store(client)
                _warm_up(store, server.url(0), folder)
                before = client.info("cpu")
                began_at = time.perf_counter()
                with Client(server.url(0), producer="bench") as producer:
                    for path in lists:
                        producer.submit(path, account=ACCOUNT, kind="email")
                _await_completed(store, uploads + 1, told)
                seconds = time.perf_counter() - began_at
                after = client.info("cpu")
        redis_seconds = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
        return _added_up(names, uploads, seconds, redis_seconds, folder)


def _added_up(names: Sequence[str], uploads: int, seconds: float, redis_seconds: float, folder: Path) -> Run:
    cpu_seconds, stages = {"redis": redis_seconds}, dict[str, float]()
    for name in names:
        told = json.loads((folder / f"{name}.json").read_text())
        kind = name.partition(" ")[0]
        cpu_seconds[kind] = cpu_seconds.get(kind, 0.0) + told["cpu_seconds"]
        for stage, of_stage in told["stages"].items():
            stages[stage] = stages.get(stage, 0.0) + of_stage
    return Run(uploads, seconds, cpu_seconds, stages)


def _warm_up(store: Store, url: str, folder: Path) -> None:
    """One upload, after which every process has begun and the account is known to echo names."""
    path = folder / "first.csv"
    path.write_text("email\nfirst@example.com\n")
    with Client(url, producer="bench") as producer:
        producer.submit(path, account=ACCOUNT, kind="email")
    _await_completed(store, 1, lambda _done: None)


def _await_completed(store: Store, uploads: int, told: Callable[[int], None]) -> None:
    deadline = time.monotonic() + DONE_SECONDS
    while (done := store.client.zcard(store.key("index", "upload", ACCOUNT, "email", "completed"))) < uploads:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{done} of {uploads} uploads are completed after {DONE_SECONDS:.0f} s")
        told(done)
        time.sleep(LOOK_SECONDS)
    told(done)


def _environment(folder: Path, server: EmbeddedServer, provider_url: str, threads: int) -> dict[str, str]:
    key_file = folder / "ipqs.key"
    key_file.write_text(IPQS_KEY)
    key_file.chmod(0o600)
    (folder / "accounts.toml").write_text(
        f"""
[accounts.{ACCOUNT}]
provider = "ipqs"
key_file = {json.dumps(str(key_file))}
base_url = "{provider_url}/ipqs/api"
download_hosts = ["127.0.0.1"]
requests_per_second = 1000
max_active = 10000
"""
    )
    settings = {
        "home": folder,
        "redis_url": server.url(0),
        "broker_url": server.url(1),
        "storage_url": (folder / "storage").as_uri(),
        "input_roots": folder,
        "accounts_file": folder / "accounts.toml",
        "log_format": "json",
        "poll_floor_seconds": FLOOR_SECONDS,
        "worker_threads": threads,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    return inherited | {f"BULKVERIFY_{name.upper()}": str(value) for name, value in settings.items()}


@contextlib.contextmanager
def _running(name: str, folder: Path, environment: dict[str, str], *, profile: bool) -> Iterator[None]:
    profiled = ["profile"] if profile and name == "worker" else []
    arguments = [name.partition(" ")[0], str(folder / f"{name}.json"), *profiled]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.watched_process", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _provider(seconds_per_call: float, folder: Path) -> Iterator[str]:
    """The simulated provider's address."""
    command = [sys.executable, "-m", "tests.benchmarks.slow_provider", str(seconds_per_call), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def figures(seconds_per_call: float, bare: Run, line: Run) -> list[Figure]:
    """The ratio against its goal, and what an upload costs."""
    goal = RATIO_GOALS[seconds_per_call]
    calls = f"{seconds_per_call * 1000:.0f} ms per call" if seconds_per_call else "instant calls"
    ratio = line.per_second / bare.per_second
    cpu_seconds = sum(line.cpu_seconds.values())
    return [
        Figure(
            what=f"Uploads done at {calls}",
            unit="1/s",
            value=round(line.per_second, 1),
            against=round(bare.per_second, 1),
            ratio=round(ratio, 3),
            goal=f"ratio at least {goal:g}",
            met=ratio >= goal,
        ),
        Figure(
            what=f"Processor time of one upload at {calls}, all processes and Redis",
            unit="ms",
            value=round(cpu_seconds / line.uploads * 1000, 1),
        ),
    ]


def stages(seconds_per_call: float, line: Run) -> Table:
    """Processor milliseconds of one upload, by stage and by process."""

    def row(what: str, seconds: float) -> list[Cell]:
        return [what, round(seconds / line.uploads * 1000, 2)]

    by_stage = sorted(line.stages.items(), key=lambda item: -item[1])
    rows = [row(f"stage {stage}", seconds) for stage, seconds in by_stage]
    rows += [row(f"process {name}, whole", seconds) for name, seconds in line.cpu_seconds.items()]
    title = f"Processor time of one upload, {seconds_per_call * 1000:.0f} ms per call"
    return Table(title=title, columns=["of", "ms"], rows=rows)


@click.command()
@click.option("--uploads", default=400, help="Uploads that each way does.")
@click.option("--threads", default=THREADS, help="Threads of the worker, and of the bare loop.")
@click.option("--only", type=float, help="Seconds that a call takes: this case alone.")
@click.option("--profile", is_flag=True, help="Profile the worker's steps; it has one thread then.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where the report goes.")
def main(uploads: int, threads: int, only: float | None, profile: bool, out: Path | None) -> None:
    """Measure small uploads through the whole line."""
    threads = 1 if profile else threads
    found: list[Figure] = []
    tables: list[Table] = []
    with (
        tempfile.TemporaryDirectory(prefix="throughput-") as name,
        progress_bar() as progress,
    ):
        for seconds_per_call in RATIO_GOALS if only is None else (only,):
            folder = Path(name) / f"{seconds_per_call}"
            folder.mkdir()
            with _provider(seconds_per_call, folder / "provider") as url:
                task = progress.add_task(f"{seconds_per_call:g} s per call, bare loop", total=uploads)
                bare = bare_run(url, uploads, threads)
                progress.update(task, completed=uploads)
                task = progress.add_task(f"{seconds_per_call:g} s per call, the line", total=uploads)
                line = line_run(
                    url,
                    uploads,
                    threads,
                    folder / "line",
                    profile=profile,
                    told=lambda done, task=task: progress.update(task, completed=done),  # type: ignore[misc]  # as bound now
                )
            found += figures(seconds_per_call, bare, line)
            tables.append(stages(seconds_per_call, line))
            if profile:
                pstats.Stats(str(folder / "line" / "worker.pstats")).sort_stats("tottime").print_stats(
                    PROFILE_FUNCTIONS
                )
    settings: dict[str, Cell] = {"uploads": uploads, "rows": 3, "threads": threads, "poll floor (s)": FLOOR_SECONDS}
    settings["worker processes"] = 1 if profile else sum("worker" in name for name in PROCESSES)
    report = Report(name="throughput", settings=settings, figures=found, tables=tables)
    print_report(report)
    if out is not None:
        report.write(out)


if __name__ == "__main__":
    main()
