"""Trials of broken rules: two really take place here, `make mutations` has them all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.deadline import wait_until
from tests.builders.mutations.catalog import MUTATIONS
from tests.builders.mutations.trial import Run, Verdict, try_out

ROOT = Path(__file__).parents[2]
NAME = "one_absence_is_enough"


@pytest.mark.parametrize("name", [NAME, "version_not_checked"])
def test_a_broken_rule_is_noticed_by_the_tests_that_are_named_for_it(tmp_path: Path, name: str) -> None:
    """Each of them fails in the copy, whether Python or a script of the store was changed."""
    verdict = try_out(MUTATIONS[name], tmp_path)
    assert verdict.problems == ()


def test_a_change_that_breaks_no_rule_is_not_caught(tmp_path: Path) -> None:
    """The tests pass in a copy of a sound program, and the verdict says which of them has noticed nothing."""
    harmless = replace(MUTATIONS[NAME], new=MUTATIONS[NAME].old + "\n")
    verdict = try_out(harmless, tmp_path)
    assert not verdict.caught
    assert verdict.problems == (f"{harmless.tests[0]} does not notice it",)


@pytest.mark.parametrize(
    ("run", "problem"),
    [
        (Run(frozenset(), {}), "did not run"),
        (Run(frozenset(), {}, "no server"), "no server"),
        (Run(frozenset(MUTATIONS[NAME].tests), {MUTATIONS[NAME].tests[0]: "NameError: x"}), "beside the point"),
        (Run(frozenset(MUTATIONS[NAME].tests), {MUTATIONS[NAME].tests[0]: "Failed: Timeout >60s"}), "beside the point"),
    ],
)
def test_what_says_nothing_about_the_rule_does_not_count(run: Run, problem: str) -> None:
    """A test that did not run, a server that did not start, a program that cannot run, and a test without an end."""
    verdict = Verdict(MUTATIONS[NAME], 1.0, run)
    assert not verdict.caught
    assert problem in verdict.problems[0]


@pytest.mark.parametrize("stage", ["unbroken", NAME])
def test_a_run_that_is_ended_leaves_nothing(tmp_path: Path, stage: str) -> None:
    """SIGTERM ends the tests that are running, before or with the mutation, and removes the folder of the run."""
    command = [sys.executable, "-m", "tests.builders.mutations.run", "--only", NAME]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as run:
        copied = f"bulkverify-mutations-*/{stage}/program/pyproject.toml"
        wait_until(lambda: bool([*tmp_path.glob(copied)]) or run.poll() is not None, seconds=60, what="a copy")
        run.send_signal(signal.SIGTERM)
        assert run.wait(timeout=60) == 128 + signal.SIGTERM
    assert not [*tmp_path.iterdir()]
