"""Jobs at the provider of `rough-ipqs` that do not do what jobs should, until the end of a block."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.builders.runbook.states.state import a_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk

#: Seconds that a job takes that is not to end.
LONG_SECONDS = 3_600.0


@contextmanager
def missing_rows(desk: Desk, every: int, *rows: str) -> Iterator[str]:
    """An upload that has failed because the provider left out every n-th row, also the second time it was asked."""
    desk.rough.ipqs.knobs.missing_row_every = every
    upload = desk.submit(a_name("partial"), "rough-ipqs", *rows)
    desk.records.wait_for_uploads("failed", upload)
    desk.rough.ipqs.knobs.missing_row_every = 0
    yield upload


@contextmanager
def long_jobs(desk: Desk, number: int) -> Iterator[list[str]]:
    """So many uploads whose jobs do not end before the block does."""
    knobs = desk.rough.ipqs.knobs
    knobs.job_seconds, before = LONG_SECONDS, knobs.job_seconds
    uploads = [desk.submit(a_name("slow"), "rough-ipqs") for _ in range(number)]
    desk.records.wait_for_parts("submitted", number, *uploads)
    knobs.job_seconds = before
    yield uploads
    for job in desk.rough.ipqs.jobs.values():
        job.work_seconds = 0.0
    desk.records.wait_for_uploads("completed", *uploads)


@contextmanager
def hidden(desk: Desk, *remote_ids: int) -> Iterator[None]:
    """Jobs that the provider does not show until the end of the block."""
    jobs = desk.rough.ipqs.jobs
    for remote_id in remote_ids:
        jobs[remote_id].list_delay_seconds = jobs[remote_id].status_delay_seconds = math.inf
    yield
    for remote_id in remote_ids:
        jobs[remote_id].list_delay_seconds = jobs[remote_id].status_delay_seconds = 0.0
