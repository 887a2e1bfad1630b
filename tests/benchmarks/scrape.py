"""What a scrape of the exporter takes with 100,000 parts in the store, over HTTP.

`python -m tests.benchmarks.scrape --json FILE`. The parts are written by the real commit script, on ten accounts and in
all states, and processes that count and live stand beside the exporter, each with its files. In one run: with few parts
and with many.
"""

from __future__ import annotations

import contextlib
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import requests
import structlog

from config.settings import Settings
from tests.benchmarks.report import Cell, Figure, Report, Table
from tests.benchmarks.told import print_report
from tests.builders.records import a_part, an_upload, stored
from worker.core.states import PartState
from worker.exporter.server import Exporter
from worker.host.embedded import EmbeddedServer
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Goal: seconds that one scrape in a hundred may take at most.
SCRAPE_SECONDS_GOAL = 0.5
#: Accounts on which the parts are, and parts of one upload.
ACCOUNTS, UPLOAD_PARTS = 10, 500
#: Seconds that a scrape, and a process's beginning, may take before the benchmark fails.
FAIL_SECONDS = 30.0

#: A process that has counted something of everything, and lives until its input ends.
COUNTING_PROCESS = f"""
import sys
from worker.metrics import Metrics
metrics = Metrics()
for number in range({ACCOUNTS}):
    of = {{"provider": "ipqs", "account": f"account-{{number}}"}}
    reporter = metrics.reporter(*of.values())
    for operation in ("submit", "status", "list", "download"):
        for outcome in ("2xx", "5xx", "timeout"):
            reporter.call_finished(operation, outcome, 0.3)
    for stage in ("prepare", "queued", "submit", "remote", "collect", "upload"):
        metrics.stage_finished(stage, kind="email", seconds=3, **of)
    for decision in ("accepted", "prepared", "reserve", "intent", "submitted", "looked", "collected", "hold", "lease"):
        metrics.decided(decision, kind="email", reason="", **of)
    metrics.looks(*of.values(), "running")
for number in range(60):
    metrics.logged(f"event_{{number}}", "info")
print("counted", flush=True)
sys.stdin.read()
"""


def write_parts(store: Store, parts: int, *, word: str) -> None:
    """Write so many parts of lists that are named with that word, the accounts and states by turns."""
    states = list(PartState)
    for number in range(-(-parts // UPLOAD_PARTS)):
        upload_id, account = f"list-{word}-{number}", f"account-{number % ACCOUNTS}"
        size = min(UPLOAD_PARTS, parts - number * UPLOAD_PARTS)
        found = [a_part(upload_id, index, states[index % len(states)], account=account) for index in range(size)]
        stored(store, an_upload(upload_id, account=account, parts_total=size), *found)


@contextlib.contextmanager
def counting_processes(number: int, folder: Path) -> Iterator[None]:
    """So many processes that have counted and live, with their files in the folder."""
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", COUNTING_PROCESS],
                    env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            assert process.stdout is not None
            assert process.stdout.readline() == b"counted\n"
        yield


def scrapes(exporter: Exporter, number: int) -> tuple[list[float], int]:
    """Seconds that each scrape took, after a first one that opens connections; bytes of the page."""
    host, port = exporter.address
    took, size_bytes = [], 0
    for _ in range(number + 1):
        began = time.perf_counter()
        answer = requests.get(f"http://{host}:{port}/metrics", timeout=FAIL_SECONDS)
        took.append(time.perf_counter() - began)
        answer.raise_for_status()
        size_bytes = len(answer.content)
    return sorted(took[1:]), size_bytes


def measured(parts: int, few_parts: int, processes: int, number: int, folder: Path) -> Report:
    """Both sizes, one after the other on the same server."""
    metrics = folder / "metrics"
    metrics.mkdir()
    accounts = {f"account-{index}": "ipqs" for index in range(ACCOUNTS)}
    rows: list[list[Cell]] = []
    p99: list[float] = []
    with EmbeddedServer(folder / "home") as server, counting_processes(processes, metrics):
        settings = Settings(home=folder, redis_url=server.url(), metrics_port=0, metrics_dir=metrics)
        store = Store(connect(server.url(), settings.redis_timeout_seconds))
        for word, wanted, there in (("few", few_parts, 0), ("many", parts, few_parts)):
            write_parts(store, wanted - there, word=word)
            with Exporter(settings, accounts) as exporter:
                took, size_bytes = scrapes(exporter, number)
            p99.append(took[-max(number // 100, 1)])
            rows.append([wanted, *(round(seconds, 3) for seconds in (statistics.median(took), p99[-1])), size_bytes])
        store.client.close()
    figure = Figure(
        what=f"p99 of a scrape with {parts:,} parts, against {few_parts:,}",
        unit="s",
        value=round(p99[1], 3),
        against=round(p99[0], 3),
        ratio=round(p99[1] / p99[0], 2),
        goal=f"at most {SCRAPE_SECONDS_GOAL:g}",
        met=p99[1] <= SCRAPE_SECONDS_GOAL,
    )
    table = Table(title="Scrapes", columns=["parts", "p50 (s)", "p99 (s)", "page (bytes)"], rows=rows)
    settings_told: dict[str, Cell] = {"parts": parts, "accounts": ACCOUNTS, "processes": processes, "scrapes": number}
    return Report(name="scrape", settings=settings_told, figures=[figure], tables=[table])


@click.command()
@click.option("--parts", default=100_000, help="Parts in the store.")
@click.option("--few-parts", default=1_000, help="Parts against which the time is to be flat.")
@click.option("--processes", default=8, help="Processes that count, beside the exporter.")
@click.option("--scrapes", "number", default=100, help="Scrapes of each size.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where the report goes.")
def main(parts: int, few_parts: int, processes: int, number: int, out: Path | None) -> None:
    """Measure how long a scrape takes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="scrape-") as folder:
        found = measured(parts, few_parts, processes, number, Path(folder))
    print_report(found)
    if out is not None:
        found.write(out)


if __name__ == "__main__":
    main()
