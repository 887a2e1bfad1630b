"""What the whole poll actor costs and brings: jobs one after the other, and many in flight at once."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog

from tests.benchmarks.policies import SPREAD, Outcome, durations
from tests.benchmarks.polled_account import PolledAccount, Seen
from tests.builders.simulation.command import memory_folder
from tests.builders.stepping import stepping
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from config.settings import Settings

#: Similar jobs that have ended before the first one is measured, where that is what is known.
SIMILAR_JOBS = 20
#: Seconds of virtual time until many jobs in flight are looked at as they would be for ever.
SETTLING_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Single:
    """Jobs of one account, of which never more than one is in flight."""

    account: str
    mean_seconds: float
    #: "nothing", "progress" or "similar": what is known of them.
    known: str
    jobs: int

    @property
    def size(self) -> int:
        """Looks that the run takes, about."""
        return 50 * (self.jobs + SIMILAR_JOBS * (self.known == "similar"))


@dataclass(frozen=True, slots=True)
class InFlight:
    """So many jobs in flight on one account: whenever one ends, another one is started."""

    account: str
    mean_seconds: float
    jobs: int
    #: Virtual seconds that are measured.
    window_seconds: float

    @property
    def size(self) -> int:
        """Looks that the run takes, about."""
        return int(self.jobs * (self.window_seconds + SETTLING_SECONDS) / 5)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to."""

    outcome: Outcome
    #: Seconds that the jobs ran whose ends were seen.
    jobs_seconds: list[float]
    settings: Settings


def run(case: Single | InFlight, told: Callable[[], object]) -> Measured:
    """Play a case in a world of its own; `told` is called after every turn."""
    with _account(case.account) as (polled, settings):
        if isinstance(case, Single):
            seen, calls = _one_by_one(polled, case, told)
        else:
            seen, calls = _all_at_once(polled, case, told)
        jobs_seconds = [job.job_seconds for job in seen]
        return Measured(Outcome(calls, [job.lag_seconds for job in seen]), jobs_seconds, settings)


def _one_by_one(polled: PolledAccount, case: Single, told: Callable[[], object]) -> tuple[list[Seen], float]:
    """The jobs that were seen to end, and the mean calls for one."""
    jobs_seconds = durations(case.mean_seconds, case.jobs + SIMILAR_JOBS * (case.known == "similar"), str(case))
    seen: list[Seen] = []
    calls_before = 0
    for number, job_seconds in enumerate(jobs_seconds):
        if number == len(jobs_seconds) - case.jobs:
            seen.clear()
            calls_before = polled.calls
        polled.start(job_seconds, tells_progress=case.known == "progress")
        while polled.unseen:
            seen += polled.turn()
            told()
        if case.known == "nothing":
            polled.forget_durations()
    return seen, (polled.calls - calls_before) / case.jobs


def _all_at_once(polled: PolledAccount, case: InFlight, told: Callable[[], object]) -> tuple[list[Seen], float]:
    """The jobs that ended in the window, and the calls between its first turn and the first after it, for one job.

    In that time each of the places has as many jobs as can run one after the other. The run goes on after the window,
    as before, until all that ended in it were seen.
    """
    chance = Random(str(case))
    measured_from = polled.clock.now() + SETTLING_SECONDS
    measured_to = measured_from + case.window_seconds

    def start(*, shifted: bool) -> float:
        job_seconds = case.mean_seconds * chance.uniform(1.0 - SPREAD, 1.0 + SPREAD)
        age_seconds = job_seconds * chance.random() * shifted
        return polled.start(job_seconds, age_seconds=age_seconds, tells_progress=False).ends_at

    ends = [start(shifted=True) for _ in range(case.jobs)]
    heapify(ends)
    seen: list[Seen] = []
    # When, and how many calls there had been.
    marks: list[tuple[float, int]] = []
    while len(marks) < 2 or polled.unseen_until(measured_to):
        if ends[0] <= polled.next_turn_at():
            polled.advance_to(heappop(ends))
            heappush(ends, start(shifted=False))
            continue
        # Before the first turn of the window, and before the first after it.
        turn_at = polled.next_turn_at()
        if len(marks) < 2 and turn_at >= (measured_from, measured_to)[len(marks)]:
            marks.append((turn_at, polled.calls))
        seen += polled.turn()
        told()
    (first_at, first_calls), (last_at, last_calls) = marks
    jobs = case.jobs * (last_at - first_at) / case.mean_seconds
    return [job for job in seen if measured_from <= job.ended_at <= measured_to], (last_calls - first_calls) / jobs


@contextlib.contextmanager
def _account(name: str) -> Iterator[tuple[PolledAccount, Settings]]:
    """An account in an empty world, in which nothing is logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with (
            memory_folder() as folder,
            tempfile.TemporaryDirectory(prefix="bulkverify-redis-") as home,
            EmbeddedServer(Path(home)) as server,
            stepping(Path(folder), server.url(0), broker_url=server.url(1)) as line,
        ):
            yield PolledAccount(line, name), line.settings
    finally:
        structlog.configure(**before)
