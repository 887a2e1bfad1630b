"""One list of many rows from end to end: real processes, real Redis, the simulated provider, and every row compared.

Run as `python -m tests.builders.rows.run --rows 10000000`, which is what `make rows ROWS=10000000` does. Written, sent,
verified by `bulkverify verify`, compared with the list row by row and byte by byte, and removed. Tells how fast each
stage was, and the most memory that each process took.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from producers.client import Client
from tests.benchmarks.process_figures import memory_bytes
from tests.builders.installation import PROCESSES, PROGRAM
from tests.builders.rows.odd_list import first_difference, write_list
from tests.builders.site import running_site
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.builders.installation import Installation
    from tests.builders.site import Site

UPLOAD, ACCOUNT = "rows", "ipqs-main"
#: Parts that a list is split into at least, and most rows of one: what either provider takes.
PARTS, PART_ROWS_MAX = 4, 50_000
#: Rows in a second that the whole line does at least: a run that is slower is taken to be stuck.
ROWS_PER_SECOND_MIN = 300
#: Decisions on a list's parts that are kept: all those on 100,000,000 rows.
TIMELINE_ENTRIES = 50_000
#: Seconds that a run gets besides.
START_SECONDS = 60.0
#: Seconds between two looks at how far the upload is.
LOOK_SECONDS = 0.2
#: The stages of an upload, by the decisions with which they begin and end.
STAGES = (
    ("stage", "preparing", "prepared"),
    ("submit", "prepared", "submitted"),
    ("collect", "finished", "collected"),
    ("deliver", "delivering", "completed"),
)


@dataclass
class Figures:
    """What a run found."""

    rows: int
    #: Seconds of each stage.
    seconds: dict[str, float] = field(default_factory=dict)
    #: Most resident memory by process, bytes.
    memory_bytes: dict[str, int] = field(default_factory=dict)
    #: What is wrong, in sentences.
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The figures for people."""
        for stage, seconds in self.seconds.items():
            yield f"{stage:<8} {seconds:>9.1f} s {self.rows / max(seconds, 0.001):>12,.0f} rows/s"
        for process, size_bytes in self.memory_bytes.items():
            yield f"{process:<8} {size_bytes / 2**20:>9.0f} MiB at most"
        yield from self.wrong or (f"Every one of the {self.rows:,} rows is in the result, byte for byte.",)


def run_rows(folder: Path, rows: int, told: Callable[[str, int], None]) -> Figures:
    """Send a list of so many rows through the whole line; `told` gets each stage and the rows that it has done."""
    figures = Figures(rows)
    part_rows = min(-(-rows // PARTS), PART_ROWS_MAX)
    settings = {
        "submit_deadline_seconds": START_SECONDS + part_rows / ROWS_PER_SECOND_MIN,
        "work_lease_seconds": 60.0,
        # The seconds of each stage are those between two decisions, which are not to be dropped for later ones.
        "timeline_entries_max": TIMELINE_ENTRIES,
    }
    with running_site(folder, limits=f"max_part_rows = {part_rows}\n", **settings) as site:
        site.providers.ipqs.knobs.update({"job_seconds": 0.0, "credits": rows})
        source = site.installation.lists / "list.csv"
        write_list(source, rows, lambda done: told("write", done))
        with Client(site.installation.redis_url, producer="rows") as client:
            client.submit(source, account=ACCOUNT, kind="email", upload_id=UPLOAD, method="form")
        _follow(site, START_SECONDS + rows / ROWS_PER_SECOND_MIN, told)
        figures.seconds = dict(_stage_seconds(site))
        figures.memory_bytes = _memory_bytes(site.installation)
        figures.wrong = list(_wrong(site, figures, told))
    return figures


def _follow(site: Site, seconds: float, told: Callable[[str, int], None]) -> None:
    """Return when the upload has ended; it fails to within `seconds` when it is stuck."""
    waiting, until = threading.Event(), time.monotonic() + seconds
    while True:
        upload = site.records.upload(UPLOAD)
        if upload is not None and upload.terminal:
            return
        if upload is not None and upload.state is UploadState.PREPARING:
            told("stage", upload.staged_rows)
        elif upload is not None:
            parts = site.records.parts(UPLOAD)
            done = sum(part.rows for part in parts if part.state is PartState.COLLECTED)
            told(str(upload.state), done)
        if time.monotonic() > until:
            raise TimeoutError(f"after {seconds:.0f} s the upload is {site.records.states(UPLOAD)}")
        waiting.wait(LOOK_SECONDS)


def _stage_seconds(site: Site) -> Iterator[tuple[str, float]]:
    """How long each stage took: from the first decision that begins it to the last one that ends it."""
    timeline = site.records.store.timeline(UPLOAD)
    for stage, begin, end in STAGES:
        began = [float(entry["at"]) for entry in timeline if entry["decision"] == begin]
        ended = [float(entry["at"]) for entry in timeline if entry["decision"] == end]
        if began and ended:
            yield stage, max(ended) - min(began)


def _memory_bytes(installation: Installation) -> dict[str, int]:
    """The most memory of each process of an installation; nothing on a machine that does not tell."""
    if not Path("/proc/self/status").exists():
        return {}
    return {name: memory_bytes(installation.pid(name)) for name in sorted(PROCESSES)}


def _wrong(site: Site, figures: Figures, told: Callable[[str, int], None]) -> Iterator[str]:
    """What is not as it must be: in the words of `bulkverify verify`, and of a comparison of every row."""
    began_at = time.monotonic()
    command = [*PROGRAM, "verify", UPLOAD, "--json"]
    installation = site.installation
    done = subprocess.run(
        command, cwd=installation.folder, env=installation.environment, stdout=subprocess.PIPE, text=True, check=False
    )
    figures.seconds["verify"] = time.monotonic() - began_at
    report = json.loads(done.stdout or "{}")
    yield from (finding["message"] for finding in report.get("findings", ()))
    if not report.get("good") or report["rows"] != figures.rows:
        yield f"bulkverify verify ended with {done.returncode} and {report.get('rows')} rows"
    charged = sum(charge.rows for charge in site.providers.ipqs.ledger)
    if charged != report.get("states", {}).get("matched"):
        yield f"{charged:,} rows were charged, and the matched rows are others: {report.get('states')}"
    result = installation.home / "storage" / "results" / UPLOAD / "result.csv"
    with result.open("rb") as file:
        difference = first_difference(file, figures.rows, lambda done: told("compare", done))
    if difference is not None:
        yield difference


@click.command()
@click.option("--rows", type=click.IntRange(1, 100_000_000), default=10_000_000, show_default=True)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where it runs; needs some 2 KB a row."
)
def main(rows: int, folder: Path | None) -> None:
    """Send one list of many rows through everything, and compare every row of its result."""
    # What was started is ended, and what was written removed, however this process is asked to end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="bulkverify-rows-", dir=folder) as private,
        Progress(*columns, console=Console(stderr=True), transient=True) as bar,
    ):
        task = bar.add_task("", total=rows)
        figures = run_rows(Path(private), rows, lambda stage, done: bar.update(task, description=stage, completed=done))
    for line in figures.lines():
        click.echo(line)
    raise SystemExit(1 if figures.wrong else 0)


if __name__ == "__main__":
    main()
