"""The states of the alerts on lists: answered, on their way, back in time, and whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.builders.runbook.states.jobs import long_jobs, missing_rows
from tests.builders.runbook.states.state import State, a_name, wait_for_completion, wait_for_drift, wait_for_metric
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk

#: Calls that fail until the fault is taken away.
FOR_EVER = 10_000


@contextmanager
def results_wait(desk: Desk) -> Iterator[State]:
    """A job is done, and each download of its result fails."""
    faults = desk.rough.whoisxml.knobs.faults
    faults += [Fault(operation, "http_500", times=FOR_EVER) for operation in ("completed", "failed")]
    upload = desk.submit(a_name("late"), "rough-whoisxml")
    desk.records.wait_for_parts("finished", 1, upload)
    yield State("rough-whoisxml", upload, mend=faults.clear)
    faults.clear()
    wait_for_completion(desk, upload)


@contextmanager
def a_job_takes_for_ever(desk: Desk) -> Iterator[State]:
    """A job at work that does not end."""
    with long_jobs(desk, 1) as (upload,):
        yield State(upload=upload)


@contextmanager
def rows_are_missing(desk: Desk) -> Iterator[State]:
    """A result in which every other row has no verdict."""
    with missing_rows(desk, 2, *(f"row{number}@example.com" for number in range(6))) as upload:
        wait_for_drift(desk, "rough-ipqs", "row_mismatch")
        yield State(upload=upload)


@contextmanager
def requests_wait(desk: Desk) -> Iterator[State]:
    """Nobody reads requests."""
    with desk.frozen("intake"):
        desk.submit(a_name("unanswered"), "rough-ipqs")
        wait_for_metric(desk, r"intake_backlog_entries [1-9]")
        yield State()
