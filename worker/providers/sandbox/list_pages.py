"""What one page of a simulated list shows: its jobs, and how many jobs and pages the provider says there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.simulated import KnobsT, SimulatedProvider


@dataclass(frozen=True, slots=True)
class ShownPage:
    """One page of a list. `total` and `pages` are what the answer names, which by the knobs may be wrong."""

    jobs: Sequence[Job]
    total: int
    pages: int


def shown_page(
    provider: SimulatedProvider[KnobsT],
    number: int,
    page_jobs: int,
    *,
    wanted: Callable[[Job], bool],
    ascending: bool = False,
) -> ShownPage:
    """Page `number` of the jobs that are `wanted`, as the list stands when this page is asked for.

    Between two pages others may add jobs, or remove some of theirs: then what follows lies elsewhere than it did.
    """
    knobs = provider.knobs
    if number > 1:
        provider.add_jobs_of_others(knobs.list_inserts)
        _remove_jobs_of_others(provider, knobs.list_removals, ascending=ascending)
        knobs.list_inserts = knobs.list_removals = 0
    jobs = [job for job in provider.listed() if wanted(job)]
    if not ascending:
        jobs.reverse()
    on_page = jobs[(number - 1) * page_jobs : number * page_jobs]
    if on_page and knobs.list_drops:
        knobs.list_drops -= 1
        on_page.pop()
    return ShownPage(on_page, max(len(jobs) + knobs.list_total_error, 0), max(1, math.ceil(len(jobs) / page_jobs)))


def _remove_jobs_of_others(provider: SimulatedProvider[KnobsT], count: int, *, ascending: bool) -> None:
    """Forget the first `count` jobs of others in the order of the list: everything behind them moves forward."""
    theirs = [job for job in provider.listed() if job.of_others]
    for job in theirs[:count] if ascending else theirs[::-1][:count]:
        del provider.jobs[job.remote_id]
