"""When to look again, as different programs decide it, and what each way costs and brings for the same jobs.

Pure: a policy is asked after every look that found a job unfinished, about each job by itself. A look costs `price`
calls, which is one divided by the jobs that share a call; a policy that asks for every job by itself pays one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

from config.setting_groups import Polling
from worker.core.schedule import Expected, PollPolicy, next_look_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Jobs of the "same" duration run for this much less or more, as a fraction of it.
SPREAD = 0.15


@dataclass(frozen=True, slots=True)
class Look:
    """A look that found its job unfinished."""

    #: 0: the submit itself.
    number: int
    age_seconds: float
    #: What the provider says of the job, 0.0 to 1.0.
    progress: float


class Policy(Protocol):
    """A way to decide when to look at a job again."""

    @property
    def name(self) -> str:
        """How tables and plots call it."""

    @property
    def price(self) -> float:
        """Calls that one look at one job costs."""

    def wait_seconds(self, look: Look) -> float:
        """Seconds until the next look."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Each job by itself, at fixed intervals. Five seconds is what Airbyte's connector kit waits by default."""

    seconds: float
    price: float = 1.0

    @property
    def name(self) -> str:
        """The interval."""
        return f"fixed {self.seconds:g} s"

    def wait_seconds(self, look: Look) -> float:
        """The interval, whatever was seen."""
        return self.seconds


#: What every other policy is held against.
FIXED = Fixed(5.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Each job by itself, with waits that grow by a factor up to a limit, as `google.api_core` polls by default."""

    first_seconds: float = 1.0
    factor: float = 1.5
    most_seconds: float = 20.0
    price: float = 1.0

    @property
    def name(self) -> str:
        """The first and the longest wait."""
        return f"backoff {self.first_seconds:g} to {self.most_seconds:g} s"

    def wait_seconds(self, look: Look) -> float:
        """One factor longer than the wait before."""
        # Beyond this many the limit is reached, and the power would overflow for jobs of hours.
        steps = min(look.number, 64)
        return min(self.first_seconds * self.factor**steps, self.most_seconds)


@dataclass(frozen=True, slots=True)
class Ours:
    """The schedule of `worker.core.schedule`, told as much as its fields say."""

    name: str
    policy: PollPolicy
    tells_progress: bool = False
    expected: Expected | None = None
    price: float = 1.0
    in_flight: int = 1

    def wait_seconds(self, look: Look) -> float:
        """What the program waits."""
        return next_look_seconds(
            self.policy,
            age_seconds=look.age_seconds,
            progress=look.progress if self.tells_progress else None,
            expected=self.expected,
            price=self.price,
            in_flight=self.in_flight,
        )


def default_policy() -> PollPolicy:
    """The schedule's bounds as they are by default."""
    defaults = Polling()
    return PollPolicy(defaults.poll_floor_seconds, defaults.poll_cap_seconds, defaults.poll_epsilon)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What looking at some jobs came to."""

    #: Mean calls for one job.
    calls: float
    lags_seconds: Sequence[float]

    @property
    def p95_seconds(self) -> float:
        """The lag that 95 % of the jobs did not exceed."""
        return quantile(self.lags_seconds, 0.95)


def durations(mean_seconds: float, jobs: int, seed: str) -> list[float]:
    """Seconds that jobs run, evenly spread around a mean; the same ones for the same seed."""
    chance = Random(f"{seed} {mean_seconds:g}")
    return [mean_seconds * chance.uniform(1.0 - SPREAD, 1.0 + SPREAD) for _ in range(jobs)]


def looks_at(policy: Policy, job_seconds: float) -> Iterator[float]:
    """The ages at which a job is looked at; the last look is the one that finds it finished."""
    number, age_seconds = 0, 0.0
    while age_seconds < job_seconds:
        age_seconds += policy.wait_seconds(Look(number, age_seconds, age_seconds / job_seconds))
        number += 1
        yield age_seconds


def evaluated(policy: Policy, jobs_seconds: Sequence[float]) -> Outcome:
    """What the policy costs and brings for jobs that run so long."""
    looks = 0
    lags: list[float] = []
    for job_seconds in jobs_seconds:
        ages = list(looks_at(policy, job_seconds))
        looks += len(ages)
        lags.append(ages[-1] - job_seconds)
    return Outcome(looks * policy.price / len(jobs_seconds), lags)


def least_looks(policy: PollPolicy, job_seconds: float) -> int:
    """The fewest looks with which any schedule can keep the bound of the lag for a job of which nothing is known.

    The bound: lag ≤ min(max(floor, ε T), cap) for every run time T. Let t₁ < t₂ < … be the ages at which a schedule
    looks while the job is unfinished; it cannot depend on T, of which a look says no more than that it is longer. A
    job may end right after tₖ (or after 0), and is then seen at tₖ₊₁, with a lag as close to tₖ₊₁ - tₖ as one likes
    and a bound as close to that of T = tₖ: so tₖ₊₁ ≤ tₖ + min(max(floor, ε tₖ), cap). The right side grows with tₖ,
    hence by induction no schedule's k-th look is later than that of the one which takes equality everywhere. A job of
    T is seen by the first tₖ ≥ T, so the fewest looks, for every T at once, are the k at which that schedule reaches
    T.
    """
    looks, age_seconds = 0, 0.0
    while age_seconds < job_seconds:
        age_seconds += bound_seconds(policy, age_seconds)
        looks += 1
    return looks


def bound_seconds(policy: PollPolicy, job_seconds: float) -> float:
    """The longest lag that the program promises for a job that ran so long and told nothing."""
    return min(max(policy.floor_seconds, policy.epsilon * job_seconds), policy.cap_seconds)


def quantile(numbers: Sequence[float], fraction: float) -> float:
    """The smallest of the numbers that so large a fraction of them does not exceed."""
    return sorted(numbers)[max(math.ceil(fraction * len(numbers)) - 1, 0)]
