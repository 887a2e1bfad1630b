"""The schedule: few looks, short lag, whatever a job does."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.core_records import POLICY
from worker.core.schedule import (
    EXPECTED_SAMPLES_MIN,
    LOOK_SECONDS,
    SHARED_PARTS,
    WINDOW_LOOKS,
    Expected,
    PollPolicy,
    backoff_seconds,
    next_look_seconds,
)

AGES = st.floats(-10, 1e7)
PROGRESS = st.none() | st.floats(allow_nan=True)
PRICES = st.floats(0.001, 1)
POLICIES = st.builds(
    lambda floor, times, epsilon: PollPolicy(floor, floor * times, epsilon),
    st.floats(0.05, 60),
    st.floats(1, 500),
    st.floats(0.02, 1),
)
#: Most looks at one job that a test waits for: more than any bound here allows.
LOOKS_MAX = 20_000
#: What rounding may add to a time, seconds.
ROUNDING_SECONDS = 1e-6


@st.composite
def windows(draw: st.DrawFn) -> Expected:
    """What is expected of jobs between seconds and a day."""
    early, p50, p90, late = sorted(draw(st.lists(st.floats(0, 90_000), min_size=4, max_size=4)))
    return Expected(early, p50, p90, late, draw(st.integers(EXPECTED_SAMPLES_MIN, 50)))


def looks(run_seconds: float, policy: PollPolicy = POLICY, *, linear: bool = False, **known: Any) -> list[float]:
    """The ages at which a job of that length is looked at, the last one being the first after its end.

    `linear`: its provider tells the progress.
    """
    ages = [next_look_seconds(policy, age_seconds=0.0, **known)]
    while ages[-1] < run_seconds:
        progress = ages[-1] / run_seconds if linear else None
        ages.append(ages[-1] + next_look_seconds(policy, age_seconds=ages[-1], progress=progress, **known))
        assert len(ages) < LOOKS_MAX
    return ages


def spread(middle_seconds: float, share: float, jobs: int) -> list[float]:
    """The lengths of jobs that lie evenly within that share of `middle_seconds` to both sides."""
    return [middle_seconds * (1 + share * (2 * (n + 0.5) / jobs - 1)) for n in range(jobs)]


def p95(values: list[float]) -> float:
    """The value that 95 % of the values do not exceed."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


@given(policy=POLICIES, age=AGES, progress=PROGRESS, expected=st.none() | windows(), price=PRICES)
def test_the_next_look_is_always_within_the_bounds(
    policy: PollPolicy, age: float, progress: float | None, expected: Expected | None, price: float
) -> None:
    """Whatever is known, the wait is a number between floor and cap."""
    wait = next_look_seconds(policy, age_seconds=age, progress=progress, expected=expected, price=price)
    assert policy.floor_seconds <= wait <= policy.cap_seconds


@given(policy=POLICIES, run_floors=st.floats(0.01, 5_000), price=PRICES)
def test_a_result_is_seen_soon_after_the_provider_finished(policy: PollPolicy, run_floors: float, price: float) -> None:
    """With nothing known the lag is at most epsilon of the run time, less where looks are shared, or one floor."""
    run_seconds = run_floors * policy.floor_seconds
    lag_seconds = looks(run_seconds, policy, price=price)[-1] - run_seconds
    allowed_seconds = min(max(policy.floor_seconds, policy.epsilon * price * run_seconds), policy.cap_seconds)
    assert lag_seconds <= allowed_seconds + ROUNDING_SECONDS * run_floors


@given(policy=POLICIES, run_floors=st.floats(1, 5_000))
def test_looks_grow_with_the_logarithm_of_the_run_time(policy: PollPolicy, run_floors: float) -> None:
    """With nothing known there is one look more than the logarithm to base 1 + epsilon, and one for each cap."""
    run_seconds = run_floors * policy.floor_seconds
    at_cap_seconds = max(policy.cap_seconds / policy.epsilon, policy.floor_seconds)
    below_floors = min(run_seconds, at_cap_seconds) / policy.floor_seconds
    in_logarithm = math.ceil(math.log(below_floors) / math.log1p(policy.epsilon) + ROUNDING_SECONDS)
    at_cap = math.ceil(max(run_seconds - at_cap_seconds, 0.0) / policy.cap_seconds + ROUNDING_SECONDS)
    assert len(looks(run_seconds, policy)) <= in_logarithm + 1 + at_cap


@given(policy=POLICIES, age=st.floats(0, 1e6), progress=st.floats(0.001, 0.999), price=PRICES)
def test_a_look_never_goes_far_past_the_extrapolated_end(
    policy: PollPolicy, age: float, progress: float, price: float
) -> None:
    """With progress the wait is at most the age, and ends before the extrapolated end or less than a floor after it."""
    wait_seconds = next_look_seconds(policy, age_seconds=age, progress=progress, price=price)
    assert wait_seconds <= max(age, policy.floor_seconds)
    assert wait_seconds <= max(age * (1 - progress) / progress, policy.floor_seconds)


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


@given(run_seconds=st.floats(10, 36_000))
def test_a_job_with_even_progress_is_seen_at_once_in_few_looks(run_seconds: float) -> None:
    """Linear progress costs one look for each doubling of the age, and one for each tenth of what remains."""
    ages = looks(run_seconds, linear=True)
    floors = run_seconds / POLICY.floor_seconds
    doublings, tenths = math.log2(floors), math.log10(floors)
    at_cap = run_seconds / POLICY.cap_seconds
    assert ages[-1] - run_seconds <= POLICY.floor_seconds + ROUNDING_SECONDS
    assert len(ages) <= doublings + tenths + at_cap + 4


@given(policy=POLICIES, run_seconds=st.floats(0.1, 90_000), expected=windows(), price=PRICES)
def test_the_lag_around_an_expected_end_is_bounded(
    policy: PollPolicy, run_seconds: float, expected: Expected, price: float
) -> None:
    """A job before the window is seen within its run time, one in it within a step, a later one within epsilon."""
    age_seconds = run_seconds * 0.999
    wait_seconds = next_look_seconds(policy, age_seconds=age_seconds, expected=expected, price=price)
    by_age_seconds = policy.epsilon * run_seconds
    if age_seconds < expected.early_seconds:
        allowed_seconds = run_seconds
    elif age_seconds < expected.late_seconds:
        allowed_seconds = min((expected.late_seconds - expected.early_seconds) / WINDOW_LOOKS, by_age_seconds)
    else:
        allowed_seconds = by_age_seconds
    assert wait_seconds <= max(policy.floor_seconds, allowed_seconds)


@given(age=st.floats(0, 1e5), expected=windows())
def test_a_job_is_not_looked_at_past_the_beginning_of_its_window(age: float, expected: Expected) -> None:
    """Before the window the next look is at its beginning or before, or less than one floor after it."""
    if age >= expected.early_seconds:
        return
    wait_seconds = next_look_seconds(POLICY, age_seconds=age, expected=expected)
    assert age + wait_seconds <= max(expected.early_seconds, age + POLICY.floor_seconds)


@pytest.mark.parametrize("samples", [0, 1, EXPECTED_SAMPLES_MIN - 1])
def test_few_similar_jobs_say_nothing(samples: int) -> None:
    """Durations of a few jobs are not believed."""
    expected = Expected(100, 100, 100, 100, samples)
    assert next_look_seconds(POLICY, age_seconds=50, expected=expected) == POLICY.floor_seconds


def test_what_the_provider_says_of_the_job_goes_before_what_others_took() -> None:
    """With progress the expected duration is not used."""
    expected = Expected(3_000, 3_500, 3_900, 4_000, 20)
    both = next_look_seconds(POLICY, age_seconds=100, progress=0.5, expected=expected)
    assert both == next_look_seconds(POLICY, age_seconds=100, progress=0.5)


@given(age=st.floats(0, 1e6), parts=st.integers(SHARED_PARTS, 1_000), expected=st.none() | windows())
def test_a_look_that_many_share_is_taken_at_every_floor(age: float, parts: int, expected: Expected | None) -> None:
    """From `SHARED_PARTS` jobs to a call on, the wait is the floor whatever the age."""
    wait_seconds = next_look_seconds(POLICY, age_seconds=age, expected=expected, price=1 / parts)
    assert wait_seconds == POLICY.floor_seconds


@given(age=st.floats(0, 1e6), in_flight=st.integers(0, 1_000_000))
def test_shared_looks_leave_time_for_the_looks_at_all_other_jobs(age: float, in_flight: int) -> None:
    """Their wait grows with the jobs in flight, as far as the bound of looks that nobody shares."""
    wait_seconds = next_look_seconds(POLICY, age_seconds=age, price=1 / SHARED_PARTS, in_flight=in_flight)
    alone_seconds = next_look_seconds(POLICY, age_seconds=age)
    assert wait_seconds == min(max(in_flight * LOOK_SECONDS, POLICY.floor_seconds), alone_seconds)


@given(age=st.floats(0, 1e6), progress=PROGRESS, expected=st.none() | windows(), price=PRICES, more=st.floats(0, 1))
def test_a_cheaper_look_is_never_taken_later(
    age: float, progress: float | None, expected: Expected | None, price: float, more: float
) -> None:
    """The wait does not grow when more jobs share a call."""
    dear = min(price + more, 1.0)
    waits = [
        next_look_seconds(POLICY, age_seconds=age, progress=progress, expected=expected, price=each)
        for each in (price, dear)
    ]
    assert waits[0] <= waits[1] + ROUNDING_SECONDS


@pytest.mark.parametrize("knowledge", ["progress", "expected"])
def test_the_end_of_a_long_job_of_which_something_is_known_is_seen_within_seconds(knowledge: str) -> None:
    """Of jobs of an hour, give or take 15 %, 95 % are seen within 10 s for a fifth of the calls of 5 s polling."""
    expected = Expected(3_600 * 0.82, 3_600, 3_600 * 1.12, 3_600 * 1.18, 20)
    known: dict[str, Any] = {"linear": True} if knowledge == "progress" else {"expected": expected}
    runs = spread(3_600, 0.15, 400)
    seen = [looks(run_seconds, **known) for run_seconds in runs]
    lags = [ages[-1] - run_seconds for ages, run_seconds in zip(seen, runs, strict=True)]
    calls, fixed_calls = sum(map(len, seen)), sum(run_seconds / 5 for run_seconds in runs)
    assert p95(lags) <= 10
    assert calls <= fixed_calls / (40 if knowledge == "progress" else 6)


def test_backing_off_doubles_from_the_floor_to_the_cap() -> None:
    """The first failure waits the floor, each further one twice as long, and none longer than the cap."""
    waits = [backoff_seconds(n, floor_seconds=2, cap_seconds=300) for n in (0, 1, 2, 3, 8, 9, 1_000_000)]
    assert waits == [2, 2, 4, 8, 256, 300, 300]
