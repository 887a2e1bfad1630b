"""How fast rows go in, out and back, and in how much memory: `python -m tests.benchmarks.rows`.

Each step runs alone in a fresh process, on a list that was just written and is in the system's cache, as are the files
between the steps. Tools made for the same step run on the same files right after it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tests.benchmarks.command import progress_bar
from tests.benchmarks.loopback_provider import RESULT_PATH, loopback_provider
from tests.benchmarks.measured_step import Measured, by_program, by_tool
from tests.benchmarks.report import Cell, Report
from tests.benchmarks.row_figures import figures, large_figures, table
from tests.benchmarks.row_files import ANSWER_COLUMNS, RowFiles, write_answer, write_list
from tests.benchmarks.told import print_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Rows of a list of 1 GB.
ROWS = 13_000_000
#: How many times as large the large list is.
LARGE_TIMES = 5
#: Times that each transfer is tried, ours and curl's in turn; the fastest counts.
TRIES = 3
#: Bytes of disk for each row at most: the list, its parts, answer and verdicts, the result, and intermediate files.
DISK_ROW_BYTES = 1_000
#: What begins while one list is measured, for the progress bar: with everything to compare with, and without.
STEPS = 23
OWN_STEPS = 5
#: What curl is given every time: no words, no success without one from the server, no wait for leave to send; and it
#: prints the seconds from its start to its end.
CURL = ("curl", "--silent", "--show-error", "--fail", "--header", "Expect:", "--write-out", "%{time_total}")


@dataclass
class Bench:
    """One list, taken through the steps one after the other."""

    files: RowFiles
    #: Hears what begins now.
    say: Callable[[str], None]
    tries: int = TRIES
    found: dict[str, Measured] = field(default_factory=dict)

    def whole(self) -> dict[str, Measured]:
        """Every step, and what it is compared with."""
        self._list_in()
        self._tool("copy", ["cp", self.files.source, self.files.output], self.files.source, self.files.rows)
        for name in ("fold", "count_lines", "count_rows"):
            self._yardstick(name)
        self._ours("split")
        self._values_out()
        with loopback_provider(self.files.answer) as url:
            for _ in range(self.tries):
                self._transfers(url)
            self._ours("collect", url)
        self._ours("deliver")
        self._yardstick("join")
        return self.found

    def own(self) -> dict[str, Measured]:
        """The steps of the program that see every row, and nothing else."""
        self._list_in()
        self._values_out()
        with loopback_provider(self.files.answer) as url:
            self._ours("collect", url)
        self.files.answer.unlink()
        self._ours("deliver")
        return self.found

    def _list_in(self) -> None:
        self.say("writing a list")
        write_list(self.files.source, self.files.rows)
        self._ours("stage")

    def _values_out(self) -> None:
        self.say("writing an answer")
        parts = list(self.files.parts())
        write_answer(parts, self.files.answer)
        with self.files.values.open("wb") as whole:
            for part in parts:
                with part.values.open("rb") as file:
                    shutil.copyfileobj(file, whole)

    def _transfers(self, url: str) -> None:
        files, rows = self.files, self.files.distinct()
        self._ours("upload", url)
        form = f"file=@{files.values};type=text/csv"
        self._tool("curl_upload", [*CURL, "--output", "/dev/null", "--form", form, url], files.values, rows)
        self._ours("download", url)
        self._tool("curl_download", [*CURL, "--output", files.output, url + RESULT_PATH], files.answer, rows)

    def _ours(self, name: str, url: str = "") -> None:
        self.say(name)
        self._keep(name, by_program("row_steps", name, self.files, url))

    def _yardstick(self, name: str) -> None:
        self.say(f"{name}, to compare with")
        self._keep(name, by_program("row_yardsticks", name, self.files))
        self.files.output.unlink(missing_ok=True)

    def _tool(self, name: str, command: Sequence[str | Path], taken: Path, rows: int) -> None:
        self.say(f"{name}, to compare with")
        self._keep(name, by_tool(command, taken=taken, rows=rows))
        self.files.output.unlink(missing_ok=True)

    def _keep(self, name: str, measured: Measured) -> None:
        before = self.found.get(name)
        self.found[name] = measured if before is None else before.better(measured)


def measured(folder: Path, rows: int, *, large: bool, say: Callable[[str], None], tries: int = TRIES) -> Report:
    """Measure it all on a list of so many rows, and with `large` on a larger one too."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        found = Bench(RowFiles(Path(place), rows), say, tries).whole()
    told, tables = [*figures(found)], [table(f"Step by step, {rows:,} rows", found)]
    if large:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            more = Bench(RowFiles(Path(place), rows * LARGE_TIMES), say).own()
        told += large_figures(found, more)
        tables.append(table(f"Step by step, {rows * LARGE_TIMES:,} rows", more))
    settings: dict[str, Cell] = {"rows": rows, "provider's columns": len(ANSWER_COLUMNS)}
    settings |= {"parts": -(-rows // RowFiles(folder, rows).part_rows), "tries of a transfer": tries}
    return Report(name="rows", settings=settings, figures=told, tables=tables)


def check_machine(folder: Path, rows: int) -> None:
    """Say how much disk so many rows need; raises `ClickException` where there is less, or no curl."""
    needed, free = rows * DISK_ROW_BYTES / 1e9, shutil.disk_usage(folder).free / 1e9
    told = f"{rows:,} rows take up to {needed:,.1f} GB in {folder}, which has {free:,.1f} GB free"
    if shutil.which("curl") is None:
        raise click.ClickException("there is no curl to compare uploads and downloads with; install it")
    if needed > free:
        raise click.ClickException(f"{told}; give fewer --rows, or set TMPDIR to a folder with more")
    click.echo(f"{told}; everything is removed at the end.", err=True)


@click.command()
@click.option("--rows", type=click.IntRange(min=1_000), default=ROWS, show_default=True, help="Rows of the list.")
@click.option("--large", is_flag=True, help=f"Also take a list {LARGE_TIMES} times as large through the program.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Where the report goes.")
def main(rows: int, large: bool, out: Path | None) -> None:
    """Measure staging, upload, download and delivery of one list, each against tools made for it."""
    with tempfile.TemporaryDirectory(prefix="bulkverify-rows-") as name, progress_bar() as progress:
        check_machine(Path(name), rows * (LARGE_TIMES if large else 1))
        begun = count()
        task = progress.add_task("rows", total=STEPS + large * OWN_STEPS)

        def say(step: str) -> None:
            progress.update(task, description=step, completed=next(begun))

        try:
            report = measured(Path(name), rows, large=large, say=say)
        except subprocess.CalledProcessError as ended:
            step = " ".join(map(str, ended.cmd))
            raise click.ClickException(f"a step failed with code {ended.returncode}, see above: {step}") from None
        say("done")
    print_report(report)
    if out is not None:
        report.write(out)


if __name__ == "__main__":
    main()
