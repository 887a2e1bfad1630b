"""What the whole poll actor is held to, case by case, and whether it meets that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.policies import FIXED, Outcome, bound_seconds, default_policy, least_looks
from tests.benchmarks.polled_runs import SIMILAR_JOBS, InFlight, Measured, Single
from tests.benchmarks.report import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Goals: largest shares of the calls of fixed intervals, a lag, and calls against the least; the figures name each.
MANY_CALLS_SHARE, SINGLE_CALLS_SHARE, SINGLE_LAG_SECONDS, LEAST_CALLS_RATIO = 0.1, 0.2, 10.0, 1.05
#: A p95 of a few hundred jobs says no more than this, as a fraction of the interval between looks: see `_many`.
LAG_TOLERANCE = 0.03
#: Mean seconds of the single jobs for which calls and lag of what is known have goals.
HOUR_SECONDS = 3_600.0


class Played(NamedTuple):
    """A case of the whole actor and what it came to."""

    case: Single | InFlight
    ours: Measured
    fixed: Outcome


def words_of(case: Single | InFlight) -> str:
    """A case as tables and figures call it."""
    provider = case.account.partition("-")[0]
    duration = duration_words(case.mean_seconds)
    if isinstance(case, InFlight):
        return f"{provider}, {case.jobs:,} jobs of {duration} in flight"
    knowledge = {"nothing": "nothing known", "progress": "progress", "similar": f"{SIMILAR_JOBS} similar ones before"}
    return f"{provider}, one job of {duration}, {knowledge[case.known]}"


def duration_words(seconds: float) -> str:
    """Seconds in the largest unit that is not too large."""
    for size, unit in ((3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def figures_of(played: Played) -> Iterator[Figure]:
    """What the case is held to, and whether it meets that."""
    if isinstance(played.case, InFlight):
        return _many(played)
    if played.case.known == "nothing":
        return _unknown(played)
    return _known(played)


def _many(played: Played) -> Iterator[Figure]:
    """From 50 jobs in flight on: a lag no worse than at fixed intervals of 5 s, for a tenth of the calls.

    Both lags are spread evenly over the same interval, so which of two p95 is larger would be chance: "no worse" is
    within `LAG_TOLERANCE` of the interval.
    """
    words = words_of(played.case)
    ours, fixed = played.ours.outcome, played.fixed
    share = ours.calls / fixed.calls
    yield Figure(
        what=f"{words}: calls for one job",
        unit="calls",
        value=round(ours.calls, 2),
        against=round(fixed.calls, 2),
        ratio=round(share, 4),
        goal="at most 1/10 of the calls of polling each every 5 s",
        met=share <= MANY_CALLS_SHARE,
    )
    tolerance_seconds = LAG_TOLERANCE * FIXED.seconds
    goal = f"no worse than polling each every 5 s; what is within {tolerance_seconds:g} s is chance"
    yield _lag(played, goal, met=ours.p95_seconds <= fixed.p95_seconds + tolerance_seconds)


def _known(played: Played) -> Iterator[Figure]:
    words = words_of(played.case)
    ours, fixed = played.ours.outcome, played.fixed
    share = ours.calls / fixed.calls
    hour = played.case.mean_seconds == HOUR_SECONDS
    yield Figure(
        what=f"{words}: calls",
        unit="calls",
        value=round(ours.calls, 2),
        against=round(fixed.calls, 2),
        ratio=round(share, 4),
        goal="at most 1/5 of the calls of polling every 5 s" if hour else None,
        met=share <= SINGLE_CALLS_SHARE if hour else None,
    )
    met = ours.p95_seconds <= SINGLE_LAG_SECONDS
    yield _lag(played, f"at most {SINGLE_LAG_SECONDS:g} s" if hour else None, met=met if hour else None)


def _unknown(played: Played) -> Iterator[Figure]:
    words, bounds = words_of(played.case), default_policy()
    jobs = played.ours.jobs_seconds
    least = sum(least_looks(bounds, seconds) for seconds in jobs) / len(jobs)
    ratio = played.ours.outcome.calls / least
    yield Figure(
        what=f"{words}: calls, against the least with which any schedule keeps the bound",
        unit="calls",
        value=round(played.ours.outcome.calls, 2),
        against=round(least, 2),
        ratio=round(ratio, 4),
        goal="within 5 % of the least",
        met=ratio <= LEAST_CALLS_RATIO,
    )
    lags = zip(played.ours.outcome.lags_seconds, jobs, strict=True)
    share = max(lag / bound_seconds(bounds, seconds) for lag, seconds in lags)
    yield Figure(
        what=f"{words}: longest lag as a share of the bound for its job",
        unit="",
        value=round(share, 4),
        goal="at most 1: lag ≤ min(max(floor, ε · run time), cap)",
        met=share <= 1.0,
    )


def _lag(played: Played, goal: str | None, *, met: bool | None) -> Figure:
    ours, fixed = played.ours.outcome.p95_seconds, played.fixed.p95_seconds
    return Figure(
        what=f"{words_of(played.case)}: p95 lag",
        unit="s",
        value=round(ours, 2),
        against=round(fixed, 2),
        ratio=round(ours / fixed, 3),
        goal=goal,
        met=met,
    )
