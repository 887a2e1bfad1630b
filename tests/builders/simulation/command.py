"""`make sim`: many seeds on all cores, and what they came to; or one seed, with everything that happened in it."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.builders.simulation.drift_faults import MADE_BY
from tests.builders.simulation.drift_told import FOUND, GONE
from tests.builders.simulation.faults import FAULTS
from tests.builders.simulation.plan import STATES, cells, plan_of
from tests.builders.simulation.stage import Report, Stage
from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from multiprocessing.queues import Queue

#: Where runs write their files, if it is there: in memory.
MEMORY_FOLDER = Path("/dev/shm")
#: Seeds from which on every cell of the table must have been struck, and how often. Some faults find nothing to strike:
#: a thousand seeds aim at each cell 22 times at least, and struck one of them 18 times.
SEEDS_OF_A_FULL_RUN = 1_200
STRIKES_MIN = 20
#: Lines of its trail that a run which failed is told with.
TRAIL_LINES = 40
#: Seeds between two lines about how far it is, where there is no terminal for a progress bar.
SEEDS_PER_LINE = 50
#: Columns of the terminal that the table needs.
TABLE_COLUMNS = 110
#: Seconds of a year.
YEAR_SECONDS = 365.25 * 86_400.0


@dataclass
class Totals:
    """What many runs came to."""

    seeds: int = 0
    effects: int = 0
    charges: int = 0
    detected: int = 0
    virtual_seconds: float = 0.0
    strikes: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By reason, and by whether evidence was lacking because of a fault, or because the account was new.
    quarantines: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: dict[int, str] = field(default_factory=dict)
    #: Findings that have begun and ended, by event and class, and the seeds that had one of a class.
    drift: Counter[tuple[str, str]] = field(default_factory=Counter)
    drift_seeds: Counter[str] = field(default_factory=Counter)

    def add(self, report: Report) -> None:
        """One more run."""
        self.seeds += 1
        self.effects += report.effects
        self.charges += report.charges
        self.detected += report.detected
        self.virtual_seconds += report.virtual_seconds
        self.strikes.update(report.struck)
        self.drift.update(report.drift)
        self.drift_seeds.update({drift for event, drift in report.drift if event == FOUND})
        lacking = sorted({name for name, _ in report.struck if not FAULTS[name].leaves_evidence})
        why = ", ".join(lacking) if lacking else "an account without jobs of its own" * (not report.plan.used_before)
        for _, reason, _ in report.quarantines:
            self.quarantines[reason, why or report.left_to_a_person(reason) or "none: a defect"] += 1
        if report.failure:
            self.failures[report.plan.seed] = report.failure

    @property
    def rare(self) -> list[tuple[str, str]]:
        """Cells that were struck too seldom for a full run."""
        return [cell for cell in cells() if self.strikes[cell] < STRIKES_MIN]

    @property
    def unmade(self) -> list[str]:
        """Classes of drift that faults are said to make, and that no run has found."""
        return [str(drift) for drift in MADE_BY if not self.drift_seeds[drift]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a run failed, or a full run has struck a cell too seldom or never made some drift."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds, from --first on")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this seed alone, with all that happens in it")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    console = Console(width=TABLE_COLUMNS)
    if chosen.seed is not None:
        return _one(console, chosen.seed)
    began = time.monotonic()
    totals = _many(console, range(chosen.first, chosen.first + chosen.seeds), chosen.processes)
    _tell(console, totals, time.monotonic() - began)
    too_seldom = totals.seeds >= SEEDS_OF_A_FULL_RUN and bool(totals.rare or totals.unmade)
    return int(bool(totals.failures) or too_seldom)


def _one(console: Console, seed: int) -> int:
    with memory_folder() as folder, Stage(Path(folder)) as stage:
        report = stage.play(plan_of(seed))
    for line in report.trail:
        console.out(line)
    console.out(str(report.plan))
    console.out(f"quarantines: {report.quarantines}")
    console.out(report.failure or "nothing is wrong")
    return int(bool(report.failure))


def _many(console: Console, seeds: Sequence[int], processes: int) -> Totals:
    """Play every seed in one of several processes, each with a stage of its own."""
    context = multiprocessing.get_context("spawn")
    reports: Queue[Report] = context.Queue()
    shares = [seeds[start::processes] for start in range(processes)]
    players = [context.Process(target=_play, args=(share, reports)) for share in shares if share]
    for player in players:
        player.start()
    totals = Totals()
    columns = (
        TextColumn("seeds"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("seeds", total=len(seeds), told="")
        while totals.seeds < len(seeds):
            report = reports.get()
            totals.add(report)
            told = f"{len(totals.failures)} failed"
            progress.update(task, advance=1, told=told)
            if report.failure:
                console.print(f"FAILED  make sim SEED={report.plan.seed}", markup=False)
            if not console.is_terminal and totals.seeds % SEEDS_PER_LINE == 0:
                console.print(f"{totals.seeds} of {len(seeds)} seeds, {told}", markup=False)
    for player in players:
        player.join()
    return totals


def _play(seeds: Iterable[int], reports: Queue[Report]) -> None:
    """In a process of its own: play seeds, and hand over what came of them."""
    with memory_folder() as folder, Stage(Path(folder)) as stage:
        for seed in seeds:
            report = stage.play(plan_of(seed))
            report.trail = report.trail[-TRAIL_LINES:] if report.failure else []
            reports.put(report)


def memory_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of its own, in memory if this machine has such a place."""
    return tempfile.TemporaryDirectory(prefix="bulkverify-sim-", dir=MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None)


def _tell(console: Console, totals: Totals, seconds: float) -> None:
    console.print(_coverage(totals))
    console.print(_drift(totals))
    for (reason, why), count in totals.quarantines.most_common():
        console.print(f"quarantine {reason}: {count}; what takes the evidence: {why}")
    console.print(
        f"{totals.seeds} seeds, {totals.effects:,} effects, {totals.virtual_seconds / YEAR_SECONDS:.2f} virtual years, "
        f"{totals.charges:,} charges, {sum(totals.strikes.values()):,} strikes in {seconds:.0f} s; "
        f"second charges beyond the protocol: {totals.detected}"
    )
    if totals.unmade:
        console.print(f"WARNING  never found, though faults are said to make it: {', '.join(totals.unmade)}")
    if totals.rare:
        console.print(f"struck less than {STRIKES_MIN} times: {len(totals.rare)} of {len(cells())} cells")
    for seed, failure in sorted(totals.failures.items())[:10]:
        console.print(f"FAILED  make sim SEED={seed}\n        {failure}", markup=False)
    console.print(f"{len(totals.failures)} of {totals.seeds} seeds failed")


def _drift(totals: Totals) -> Table:
    table = Table("class", "seeds", "found", "over", title="findings by class", box=SIMPLE, padding=(0, 1))
    for drift in DriftClass:
        counts = (totals.drift_seeds[drift], totals.drift[FOUND, drift], totals.drift[GONE, drift])
        table.add_row(str(drift), *(f"{count:,}" for count in counts))
    return table


def _coverage(totals: Totals) -> Table:
    table = Table("fault", *STATES, title="strikes by fault and state of the part", box=SIMPLE, padding=(0, 1))
    table.columns[0].no_wrap = True
    reachable = set(cells())
    for name in FAULTS:
        counts = (str(totals.strikes[name, state]) if (name, state) in reachable else "·" for state in STATES)
        table.add_row(name, *counts)
    return table


if __name__ == "__main__":
    sys.exit(main())
