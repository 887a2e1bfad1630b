"""The policies that are compared: what each of them waits, and that no schedule keeps the bound in fewer looks."""

from __future__ import annotations

from random import Random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.log_plot import Panel, Series, picture
from tests.benchmarks.policies import (
    FIXED,
    Backoff,
    Ours,
    bound_seconds,
    default_policy,
    evaluated,
    least_looks,
    looks_at,
    quantile,
)


def test_fixed_intervals_are_fixed() -> None:
    """A job of 12 s that is looked at every 5 s is seen 3 s late, in three calls."""
    outcome = evaluated(FIXED, [12.0])
    assert (outcome.calls, outcome.lags_seconds) == (3.0, [3.0])


def test_backoff_grows_up_to_its_limit() -> None:
    """Waits grow by half from one second on, and never exceed twenty."""
    ages = list(looks_at(Backoff(), 3_600.0))
    waits = [after - before for before, after in zip([0.0, *ages], ages, strict=False)]
    assert waits[:3] == pytest.approx([1.0, 1.5, 2.25])
    assert max(waits) == pytest.approx(20.0)
    assert waits[-1] == pytest.approx(20.0)


@given(job_seconds=st.floats(0.1, 50_000.0))
def test_our_schedule_keeps_its_bound_in_the_fewest_looks(job_seconds: float) -> None:
    """With nothing known the lag is within the bound, and the looks are the least that this takes."""
    policy = default_policy()
    ages = list(looks_at(Ours("ours", policy), job_seconds))
    assert ages[-1] - job_seconds <= bound_seconds(policy, job_seconds) * (1 + 1e-9)
    assert len(ages) == least_looks(policy, job_seconds)


@given(job_seconds=st.floats(0.1, 5_000.0), seed=st.integers(0, 1_000))
def test_no_schedule_keeps_the_bound_in_fewer_looks(job_seconds: float, seed: int) -> None:
    """Any schedule whose waits are such that the bound holds wherever a job ends takes at least as many looks."""
    policy, chance = default_policy(), Random(seed)
    looks, age_seconds = 0, 0.0
    while age_seconds < job_seconds:
        age_seconds += bound_seconds(policy, age_seconds) * chance.uniform(0.5, 1.0)
        looks += 1
    assert looks >= least_looks(policy, job_seconds)


def test_a_quantile_is_one_of_the_numbers() -> None:
    """Of a hundred numbers the 95th is what 95 % do not exceed."""
    assert quantile([float(number) for number in range(1, 101)], 0.95) == 95.0


def test_the_plot_is_the_same_for_the_same_points() -> None:
    """A plot is valid XML, leaves out what logarithmic axes have no place for, and says the same each time."""
    panel = Panel(
        "jobs", [Series("ours", [(10.0, 5.0), (20.0, 0.0)]), Series("line", [(1.0, 2.0), (3.0, 4.0)], line=True)]
    )
    drawn = picture([panel], across="calls", up="seconds", about="plot")
    assert drawn == picture([panel], across="calls", up="seconds", about="plot")
    circles = ET.fromstring(drawn).findall(".//{*}circle")
    assert len(circles) == 2, "one point, and its sample in the legend"
