"""The schedule: few looks, short lag, whatever a job does."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.core_records import POLICY
from worker.core.schedule import backoff_seconds, next_look_seconds

AGES = st.floats(-10, 1e7)
PROGRESS = st.none() | st.floats(allow_nan=True)


def looks(run_seconds: float) -> list[float]:
    """The ages at which a job of that length is looked at, the last one being the first after its end."""
    ages = [next_look_seconds(POLICY, age_seconds=0.0)]
    while ages[-1] < run_seconds:
        ages.append(ages[-1] + next_look_seconds(POLICY, age_seconds=ages[-1]))
    return ages


@given(age=AGES, progress=PROGRESS)
def test_the_next_look_is_always_within_the_bounds(age: float, progress: float | None) -> None:
    """Whatever age and progress are, the wait is a number between floor and cap."""
    wait = next_look_seconds(POLICY, age_seconds=age, progress=progress)
    assert POLICY.floor_seconds <= wait <= POLICY.cap_seconds


@given(run_seconds=st.floats(1, 5_000))
def test_a_result_is_seen_soon_after_the_provider_finished(run_seconds: float) -> None:
    """The lag is at most a tenth of the job's run time, or one floor."""
    lag = looks(run_seconds)[-1] - run_seconds
    assert lag <= max(POLICY.epsilon * run_seconds, POLICY.floor_seconds) + 1e-6


@given(run_seconds=st.floats(60, 5_000))
def test_looks_grow_with_the_logarithm_of_the_run_time(run_seconds: float) -> None:
    """Beyond the floor each look is a tenth later than the one before: the number grows with the logarithm."""
    at_the_floor = POLICY.floor_seconds / POLICY.epsilon / POLICY.floor_seconds
    allowed = at_the_floor + math.log(max(run_seconds / 50, 1)) / math.log(1 + POLICY.epsilon) + 2
    assert len(looks(run_seconds)) <= allowed


def test_progress_brings_the_next_look_close_to_the_end() -> None:
    """A job half done after 100 s is looked at after most of the other 100 s."""
    assert next_look_seconds(POLICY, age_seconds=100, progress=0.5) == pytest.approx(90)
    assert next_look_seconds(POLICY, age_seconds=100, progress=0.9) == pytest.approx(10)


def test_early_progress_is_not_trusted_far() -> None:
    """A job that has hardly begun is looked at again after at most its age."""
    assert next_look_seconds(POLICY, age_seconds=50, progress=0.001) == 50


@pytest.mark.parametrize("progress", [0.0, 1.0, -3.0, 7.0, float("nan"), float("inf")])
def test_progress_that_says_nothing_is_not_used(progress: float) -> None:
    """A progress outside (0, 1) leaves the schedule by age."""
    assert next_look_seconds(POLICY, age_seconds=200, progress=progress) == next_look_seconds(POLICY, age_seconds=200)


def test_backing_off_doubles_from_the_floor_to_the_cap() -> None:
    """The first failure waits the floor, each further one twice as long, and none longer than the cap."""
    waits = [backoff_seconds(n, floor_seconds=2, cap_seconds=300) for n in (0, 1, 2, 3, 8, 9, 1_000_000)]
    assert waits == [2, 2, 4, 8, 256, 300, 300]
