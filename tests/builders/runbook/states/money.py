"""The states of the alerts on credits."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.builders.deadline import wait_until
from tests.builders.installation import WORK_SECONDS
from tests.builders.runbook.states.state import State, a_name, wait_for_completion
from tests.builders.sandboxed_site import BUDGET_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk


@contextmanager
def a_second_job(desk: Desk) -> Iterator[State]:
    """The provider's list has a second job with the name of one of ours."""
    upload = desk.submit(a_name("twice"), "rough-ipqs")
    desk.records.wait_for_uploads("completed", upload)
    ipqs = desk.rough.ipqs
    with ipqs.lock:
        ours = ipqs.jobs[max(ipqs.jobs)]
        second = ours.remote_id + 1
        ipqs.jobs[second] = replace(ours, remote_id=second)
    wait_until(
        lambda: "duplicate_remote" in desk.records.decisions(upload),
        seconds=WORK_SECONDS,
        what="sight of the second job",
    )
    yield State(upload=upload)
    del ipqs.jobs[second]


@contextmanager
def credits_are_gone(desk: Desk) -> Iterator[State]:
    """A list waits for credits."""
    knobs = desk.rough.ipqs.knobs
    spent = desk.rough.ipqs.balance
    knobs.credits -= spent

    def buy() -> None:
        knobs.credits += spent

    upload = desk.submit(a_name("unpaid"), "rough-ipqs")
    desk.records.wait_for_parts("held", 1, upload)
    yield State(upload=upload, mend=buy)
    wait_for_completion(desk, upload)


@contextmanager
def the_budget_is_spent(desk: Desk) -> Iterator[State]:
    """The rows of the day are used, and a list waits for the next one."""
    rows = [f"budget{number}@example.com" for number in range(BUDGET_ROWS)]
    desk.records.wait_for_uploads("completed", desk.submit(a_name("spent"), "calm-ipqs", *rows))
    upload = desk.submit(a_name("tomorrow"), "calm-ipqs")
    desk.records.wait_for_parts("held", 1, upload)
    yield State("calm-ipqs", upload)
