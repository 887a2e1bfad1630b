"""One step on many rows, measured in a process that does nothing else.

A step is a function in a module that `answer` turns into a program; it runs after everything is imported, so that its
time and its memory are its own. Memory is what a process itself reads at its end: the system's word to the parent
would count what the parent had resident when it started the child.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.process_figures import memory_bytes
from tests.benchmarks.row_files import RowFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Bytes of a megabyte on the page.
MEGABYTE = 1_000_000
#: Where Python finds this project, whatever is installed.
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did: bytes and rows that it took in, and the seconds of it that count, all where none are given."""

    bytes: int
    rows: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A step with what it took."""

    bytes: int
    rows: int
    seconds: float
    #: Of all its threads.
    cpu_seconds: float
    #: Memory resident at most before the step, and until its end; 0 where it was not looked at.
    idle_bytes: int = 0
    peak_bytes: int = 0

    @property
    def megabytes_per_second(self) -> float:
        """Megabytes taken in a second."""
        return self.bytes / MEGABYTE / self.seconds

    @property
    def megabytes_per_cpu_second(self) -> float:
        """Megabytes taken in a second of one core."""
        return self.bytes / MEGABYTE / self.cpu_seconds

    @property
    def rows_per_second(self) -> float:
        """Rows taken in a second."""
        return self.rows / self.seconds

    def better(self, other: Measured) -> Measured:
        """The faster of two tries, with the larger memory of both."""
        faster = min(self, other, key=lambda tried: tried.seconds)
        return replace(faster, peak_bytes=max(self.peak_bytes, other.peak_bytes))


def checked(rows: int, done: Done) -> Done:
    """What was done; raises `RuntimeError` unless it was done to so many rows."""
    if done.rows != rows:
        raise RuntimeError(f"{done.rows:,} rows where there are {rows:,}; what was measured is not the whole step")
    return done


def answer(steps: Mapping[str, Callable[[RowFiles, str], Done]]) -> None:
    """Be the program of one of the steps: `NAME FOLDER ROWS URL`; print what was measured, as JSON."""
    # An interrupt ends the program without a word: its parent is interrupted too, and speaks.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    name, folder, rows, url = sys.argv[1:]
    files = RowFiles(Path(folder), int(rows))
    idle_bytes = memory_bytes(os.getpid())
    began, cpu_began = time.perf_counter(), time.process_time()
    done = steps[name](files, url)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    measured = Measured(
        bytes=done.bytes,
        rows=done.rows,
        seconds=done.seconds or seconds,
        cpu_seconds=cpu_seconds,
        idle_bytes=idle_bytes,
        peak_bytes=memory_bytes(os.getpid()),
    )
    sys.stdout.write(json.dumps(asdict(measured)))


def by_program(module: str, step: str, files: RowFiles, url: str = "") -> Measured:
    """Run a step of a module of this folder. Raises `CalledProcessError`; what went wrong is on standard error."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", step, str(files.folder), str(files.rows), url]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Measured(**json.loads(ended.stdout))


def by_tool(command: Sequence[str | Path], *, taken: Path, rows: int) -> Measured:
    """Run a tool that takes in a file of so many rows. Raises `CalledProcessError`.

    A tool that prints a number says how many seconds count: those without its own start.
    """
    before, began = _cpu_seconds_of_children(), time.perf_counter()
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    seconds = float(ended.stdout or time.perf_counter() - began)
    return Measured(taken.stat().st_size, rows, seconds, _cpu_seconds_of_children() - before)


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
