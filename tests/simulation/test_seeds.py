"""Whole runs of several workers under planned faults: a share of what `make sim` plays, and plans that shrink."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.fuzzing import fuzzing
from tests.builders.simulation.command import MEMORY_FOLDER, SEEDS_OF_A_FULL_RUN, STRIKES_MIN, memory_folder
from tests.builders.simulation.plan import ACCOUNTS, PASSED_MOMENTS, Injection, Plan, cells, plan_of
from tests.builders.simulation.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where the tests are run from.
ROOT = Path(__file__).parents[2]
#: Shares of seeds that may be played at the same time, and seeds in each.
SHARES, SEEDS_PER_SHARE = 4, 6
#: Plans that are drawn beside the seeds.
DRAWN_PLANS = 8
#: Strikes that all these seeds must have had together at least, for the share to mean something.
SHARE_STRIKES_MIN = 2 * SEEDS_PER_SHARE


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Yield a place to play in, one for each test process."""
    with memory_folder() as folder, Stage(Path(folder)) as stage:
        yield stage


PLANS = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    injections=st.lists(
        st.builds(
            lambda cell, passes: Injection(cell[0], cell[1], passes),
            st.sampled_from(cells()),
            st.sampled_from(PASSED_MOMENTS),
        ),
        max_size=6,
    ).map(tuple),
    uploads=st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.integers(1, 3)), min_size=1, max_size=2).map(tuple),
    used_before=st.booleans(),
    alike=st.booleans(),
    workers=st.integers(2, 3),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
def test_no_seed_charges_twice_or_loses_a_row(stage: Stage, share: int) -> None:
    """Whatever is planned, invariants hold after every step, and every upload comes to rest once faults end."""
    first = share * SEEDS_PER_SHARE
    reports = [stage.play(plan_of(seed)) for seed in range(first, first + SEEDS_PER_SHARE)]
    failed = {f"make sim SEED={report.plan.seed}": report.failure for report in reports if report.failure}
    assert not failed
    assert sum(len(report.struck) for report in reports) >= SHARE_STRIKES_MIN


@pytest.mark.timeout(300)
@fuzzing(DRAWN_PLANS)
@given(plan=PLANS)
def test_no_plan_charges_twice_or_loses_a_row(stage: Stage, plan: Plan) -> None:
    """A plan that breaks an invariant is made as small as it can be: few faults, few parts."""
    report = stage.play(plan)
    assert not report.failure, "\n".join([report.failure, *report.trail[-40:]])


def test_the_same_seed_makes_the_same_run(stage: Stage) -> None:
    """Every effect comes in the same order at the same time, whatever was played before, in another process too."""
    here = stage.play(plan_of(3))
    command = [sys.executable, "-m", "tests.builders.simulation.command", "--seed", "3"]
    there = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert there.stdout.splitlines()[: len(here.trail)] == here.trail


def test_without_faults_every_part_is_charged_once(stage: Stage) -> None:
    """Each part is charged once, beside what the accounts were used for before, and nothing is in quarantine."""
    report = stage.play(Plan(seed=1, injections=(), uploads=(("ipqs-main", 3), ("whoisxml-main", 2))))
    assert not report.failure
    assert (report.quarantines, report.charges) == ([], 7)


def test_the_seeds_of_a_full_run_aim_at_every_cell() -> None:
    """Every fault is planned for every state that it can strike in, more often than it has to strike there."""
    planned = Counter((i.fault, i.state) for seed in range(SEEDS_OF_A_FULL_RUN) for i in plan_of(seed).injections)
    assert min(planned[cell] for cell in cells()) > STRIKES_MIN


def test_runs_are_played_in_memory_where_there_is_such_a_folder() -> None:
    """They write some hundred small files each."""
    with memory_folder() as folder:
        assert Path(folder).is_relative_to(MEMORY_FOLDER) or not MEMORY_FOLDER.is_dir()
