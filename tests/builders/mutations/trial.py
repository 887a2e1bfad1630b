"""Trials: tests run on a copy of the program, as it is or with one rule broken."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tests.builders.mutations.mutation import Mutation

ROOT = Path(__file__).parents[3]
#: What a copy of the program has of the repository.
FOLDERS = ("config", "producers", "worker", "tests")
FILES = ("pyproject.toml",)
#: Seconds after which one test fails, and after which a trial is given up.
TEST_SECONDS_MAX = 60
TRIAL_SECONDS_MAX = 240
#: How failures begin that say nothing about a rule: the program cannot run, or the test did not end.
BESIDE_THE_POINT = (
    "NameError",
    "UnboundLocalError",
    "SyntaxError",
    "IndentationError",
    "ImportError",
    "ModuleNotFoundError",
    "Failed: Timeout",
)
#: Most characters of a test's own words that are told.
TOLD_CHARACTERS_MAX = 120


@dataclass(frozen=True)
class Run:
    """What became of the tests of one trial."""

    #: Tests that ran, with and without their parameters, and how the first failure of those that failed begins.
    ran: frozenset[str]
    failed: Mapping[str, str]
    #: What kept the tests from running as they should; empty: nothing.
    trouble: str = ""


@dataclass(frozen=True)
class Verdict:
    """Whether a broken rule was noticed by each test that is named for it."""

    mutation: Mutation
    seconds: float
    run: Run
    #: What is wrong with the trial, or that a test has noticed nothing; empty: the mutation was caught.
    problems: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problems", tuple(self._problems()))

    @property
    def caught(self) -> bool:
        """Whether every test failed, and not beside the point."""
        return not self.problems

    def noticed_by(self, test: str) -> bool:
        """Whether one of the tests failed, and not beside the point."""
        return not self.run.failed.get(test, BESIDE_THE_POINT[0]).startswith(BESIDE_THE_POINT)

    def _problems(self) -> list[str]:
        problems = [self.run.trouble] if self.run.trouble else []
        for test in self.mutation.tests:
            told = self.run.failed.get(test)
            if told is None:
                problems.append(f"{test} does not notice it" if test in self.run.ran else f"{test} did not run")
            elif told.startswith(BESIDE_THE_POINT):
                problems.append(f"{test} failed beside the point: {told}")
        return problems


def copy_program(target: Path, source: Path = ROOT) -> Path:
    """A copy of the program in `source`, at `target`; a copy of a copy has its bytecode too, and starts sooner."""
    ignored = shutil.ignore_patterns("__pycache__") if source == ROOT else None
    for folder in FOLDERS:
        shutil.copytree(source / folder, target / folder, ignore=ignored)
    for file in FILES:
        shutil.copy2(source / file, target / file)
    return target


def try_out(mutation: Mutation, folder: Path, source: Path = ROOT) -> Verdict:
    """Break the rule in a copy of the program in `folder`, which is made for it, and run the tests named for it.

    Raises `DoesNotApply`.
    """
    began = time.monotonic()
    program = copy_program(folder / "program", source)
    mutation.apply(program)
    # Python compares seconds and sizes, and might take the bytecode of the file as it was.
    broken = program / mutation.path
    for stale in broken.parent.glob(f"__pycache__/{broken.stem}.*"):
        stale.unlink()
    run = run_tests(program, mutation.tests, folder)
    return Verdict(mutation, time.monotonic() - began, run)


def run_tests(program: Path, tests: Collection[str], folder: Path) -> Run:
    """Run tests of the copy at `program`, in a process of their own and always in the same order."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-n", "0", "--timeout", str(TEST_SECONDS_MAX)]
    command += ["--basetemp", str(folder / "tests"), "--junitxml", str(report), *dict.fromkeys(tests)]
    # Whoever runs this may be a test too; and no module but the copy's may be found.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(program)}
    with RUNNING.started(command, cwd=program, env=environment) as process:
        try:
            out, err = process.communicate(timeout=TRIAL_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            return Run(frozenset(), {}, f"the tests did not end within {TRIAL_SECONDS_MAX} s")
    if process.returncode not in {0, 1} or not report.exists():
        return Run(frozenset(), {}, f"pytest ended with {process.returncode}: {out[-1000:]}{err[-1000:]}")
    return _read(report)


class Running:
    """The processes that run tests now, which have to be told when nobody waits for them any more."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[str]] = set()
        self._interrupted = threading.Event()

    @contextlib.contextmanager
    def started(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        """A process whose output is kept; at the end it is waited for."""
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=cwd, env=env, stdout=pipe, stderr=pipe, text=True) as process:
            self._processes.add(process)
            try:
                if self._interrupted.is_set():
                    process.kill()
                yield process
            finally:
                self._processes.discard(process)

    def interrupt(self) -> None:
        """Have each process end as at Ctrl-C, so that it stops its servers; one that starts later ends at once."""
        self._interrupted.set()
        for process in tuple(self._processes):
            process.send_signal(signal.SIGINT)


RUNNING = Running()


def _read(report: Path) -> Run:
    """What pytest's report says; an error outside of a test, as of a server that did not start, is trouble."""
    ran: set[str] = set()
    failed: dict[str, str] = {}
    troubles = []
    for case in ET.parse(report).iter("testcase"):
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        ids = {test, test.partition("[")[0]}
        ran |= ids
        for failure in case.iter("failure"):
            failed = dict.fromkeys(ids, _first_line(failure)) | failed
        troubles += [f"{test} could not run: {_first_line(error)}" for error in case.iter("error")]
    return Run(frozenset(ran), failed, "; ".join(troubles))


def _first_line(element: ET.Element) -> str:
    return element.get("message", "").partition("\n")[0][:TOLD_CHARACTERS_MAX]
