"""`make bench`: run the benchmarks one after the other, and renew `docs/performance.json` and the page made of it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.page import PAGE, page
from tests.benchmarks.performance import PROGRAMS, ROOT, Machine, Performance, Run
from tests.benchmarks.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a benchmark has failed; one that misses a goal has not."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=PROGRAMS, action="append", help="this one alone; may be given again")
    names = parser.parse_args(arguments).only or list(PROGRAMS)
    machine = Machine.here()
    failed = []
    for name in names:
        # What was measured is kept at once: a benchmark that fails later costs no other one its figures.
        run = _run(name, machine)
        if run is None:
            failed.append(name)
            continue
        performance = Performance.read().updated([run])
        performance.write()
        PAGE.write_text(page(performance), encoding="utf-8")
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return int(bool(failed))


def _run(name: str, machine: Machine) -> Run | None:
    """Run one benchmark in a process of its own, so that none measures what another has left in memory."""
    arguments = ["-m", f"tests.benchmarks.{name}", *PROGRAMS[name]]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bulkverify-bench-") as folder:
        file = Path(folder, "report.json")
        ended = subprocess.run([sys.executable, *arguments, "--json", str(file)], cwd=ROOT, check=False)
        if ended.returncode or not file.exists():
            return None
        report = Report.read(file)
    command = " ".join(["python", *arguments])
    return Run(command=command, seconds=round(time.monotonic() - began), machine=machine, report=report)


if __name__ == "__main__":
    sys.exit(main())
