"""The states of the alerts on differences between here and the providers."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.builders.runbook.states.jobs import hidden, long_jobs, missing_rows
from tests.builders.runbook.states.state import State, a_name, wait_for_drift, wait_for_metric
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk


@contextmanager
def the_list_is_another_accounts(desk: Desk) -> Iterator[State]:
    """The provider shows none of our jobs."""
    with long_jobs(desk, 4) as uploads, hidden(desk, *desk.rough.ipqs.jobs):
        wait_for_metric(desk, r'reconcile_account_mismatch\{account="rough-ipqs",[^}]*\} 1')
        yield State(upload=uploads[0])


@contextmanager
def a_job_is_missing(desk: Desk) -> Iterator[State]:
    """The provider does not show one job of several."""
    with long_jobs(desk, 1) as (upload,), hidden(desk, max(desk.rough.ipqs.jobs)):
        wait_for_drift(desk, "rough-ipqs", "missing_remote")
        yield State(upload=upload)


@contextmanager
def a_result_is_hollow(desk: Desk) -> Iterator[State]:
    """A result without any verdict."""
    with missing_rows(desk, 1) as upload:
        wait_for_drift(desk, "rough-ipqs", "hollow_success")
        yield State(upload=upload)


@contextmanager
def a_part_is_in_quarantine(desk: Desk) -> Iterator[State]:
    """The answer to a submission was lost, and the list does not show its job."""
    desk.records.wait_for_uploads("completed", desk.submit(a_name("control"), "doubt-ipqs"))
    desk.doubt.ipqs.knobs.faults.append(Fault("submit", "answer_lost"))
    desk.doubt.ipqs.knobs.job_list_delay_seconds = math.inf
    upload = desk.submit(a_name("unclear"), "doubt-ipqs")
    desk.records.wait_for_parts("quarantined", 1, upload)
    yield State("doubt-ipqs", upload)
    desk.doubt.ipqs.knobs.job_list_delay_seconds = 0.0
