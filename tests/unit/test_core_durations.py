"""How long jobs take is learned from those that were really seen to end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders.core_records import POLICY, sent
from tests.builders.records import NOW
from worker.core.change import Duration
from worker.core.durations import BUCKET_FACTOR, BUCKET_MAX, Alike, alike, expected_of, measured
from worker.core.observe import Seen, observed
from worker.core.schedule import next_look_seconds
from worker.core.values import Evidence

FLOOR_SECONDS = POLICY.floor_seconds
#: The likeness of the part that `sent` makes, of 100 values.
KIND, BUCKET = "email", 3


@given(rows=st.integers(0, 10**12), more=st.integers(0, 10**12))
def test_likeness_grows_with_the_rows_and_is_bounded(rows: int, more: int) -> None:
    """A job is in the bucket whose bounds hold its rows, and there are few buckets."""
    like = alike("email", rows)
    fewest, most = like.rows
    assert 0 <= like.bucket <= alike("email", rows + more).bucket <= BUCKET_MAX
    assert fewest <= max(rows, 1)
    assert most is None or rows <= most < fewest * BUCKET_FACTOR


def test_the_last_bucket_takes_everything_larger() -> None:
    """The largest jobs are alike, however large."""
    assert alike("email", 4**40) == Alike("email", BUCKET_MAX)


def test_the_providers_own_time_of_the_end_measures_exactly() -> None:
    """Where the provider tells when the job ended, that is the duration, however late it was seen."""
    part = sent()
    assert measured(part, NOW + 9_000, NOW + 400, FLOOR_SECONDS) == Duration(KIND, BUCKET, 400)


def test_without_it_the_end_is_taken_between_the_last_two_looks() -> None:
    """Where the provider tells nothing, the middle between the last look and the one that saw the end is taken."""
    part = sent(observed_at=NOW + 400)
    assert measured(part, NOW + 440, None, FLOOR_SECONDS) == Duration(KIND, BUCKET, 420)


def test_a_short_job_that_the_first_look_finds_done_is_measured() -> None:
    """A job that ended before it was looked at a first time took less than that."""
    assert measured(sent(), NOW + FLOOR_SECONDS, None, FLOOR_SECONDS) == Duration(KIND, BUCKET, FLOOR_SECONDS / 2)


def test_a_job_that_nobody_looked_at_for_long_measures_nothing() -> None:
    """After an outage nobody knows when a job ended."""
    assert measured(sent(observed_at=NOW + 100), NOW + 9_000, None, FLOOR_SECONDS) is None


@pytest.mark.parametrize(
    "fields",
    [{"provisional": True}, {"submitted_at": None}, {"evidence": (Evidence(remote_id="7", how="list", at=NOW),)}],
    ids=["provisional", "never submitted", "found later"],
)
def test_a_job_whose_beginning_is_not_known_measures_nothing(fields: dict[str, object]) -> None:
    """Only a job that its submit's answer named began when it was submitted."""
    assert measured(sent().model_copy(update=fields), NOW + 100, NOW + 90, FLOOR_SECONDS) is None


@pytest.mark.parametrize(("status", "learned"), [("finished", True), ("running", False), ("aborted", False)])
def test_only_the_end_of_a_job_that_succeeded_is_kept(status: str, *, learned: bool) -> None:
    """The decision that a job has finished carries its duration; no other does."""
    change = observed(sent(), Seen(status, ended_at=NOW + 50), NOW + 60, POLICY)
    assert change.duration == (Duration(KIND, BUCKET, 50) if learned else None)


def test_nothing_is_expected_where_nothing_was_measured() -> None:
    """Without any duration there is no window."""
    assert expected_of([]) is None


@given(seconds=st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_the_window_holds_everything_that_was_measured(seconds: list[float]) -> None:
    """Early, typical, most and late are in order, and every duration lies between early and late."""
    expected = expected_of(seconds)
    assert expected is not None
    assert 0 <= expected.early_seconds <= expected.p50_seconds <= expected.p90_seconds <= expected.late_seconds
    assert expected.early_seconds <= min(seconds)
    assert max(seconds) <= expected.late_seconds
    assert expected.samples == len(seconds)


def test_jobs_of_an_hour_are_seen_within_seconds_after_twenty_that_were_seen_late() -> None:
    """Although the end of the first jobs is known inexactly, later ones are seen soon, in a fifth of the calls.

    Jobs take an hour, give or take 15 %, and the provider tells no times. Of those after the twentieth 95 % are seen
    within 10 s, compared with polling every 5 s.
    """
    chance = random.Random(5)
    lags, calls = [], []
    for _ in range(40):
        durations: list[float] = []
        for number in range(30):
            run_seconds = 3_600 * chance.uniform(0.85, 1.15)
            looks, seen_at, duration = _watched(run_seconds, durations)
            durations = [*durations, duration][-50:]
            if number >= 20:
                lags.append(seen_at - run_seconds)
                calls.append(looks)
    assert sorted(lags)[int(0.95 * len(lags))] <= 10
    assert sum(calls) / len(calls) <= 3_600 / 5 / 5


def _watched(run_seconds: float, durations: list[float]) -> tuple[int, float, float]:
    """How many looks a job of that length takes, at what age its end is seen, and what is learned from it."""
    expected, age, looks, part = expected_of(durations), 0.0, 0, sent()
    while True:
        wait = next_look_seconds(POLICY, age_seconds=age, expected=expected)
        age, looks = age + wait, looks + 1
        if age >= run_seconds:
            learned = measured(part, NOW + age, None, FLOOR_SECONDS)
            assert learned is not None
            return looks, age, learned.seconds
        part = part.model_copy(update={"observed_at": NOW + age})
