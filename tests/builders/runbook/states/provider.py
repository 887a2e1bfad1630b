"""The states of the alerts on what providers say."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.builders.runbook.states.jobs import long_jobs
from tests.builders.runbook.states.state import State, a_name, wait_for_completion, wait_for_drift, wait_for_pause
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.runbook.desk import Desk

#: Calls that fail until the fault is taken away.
FOR_EVER = 10_000


@contextmanager
def the_key_is_rejected(desk: Desk) -> Iterator[State]:
    """The provider knows the account by another key."""
    whoisxml = desk.rough.whoisxml
    ours, whoisxml.key = whoisxml.key, "another-key-of-this-account"

    def give_back() -> None:
        whoisxml.key = ours

    upload = desk.submit(a_name("keyless"), "rough-whoisxml")
    wait_for_pause(desk, "rough-whoisxml", "credentials_rejected")
    yield State("rough-whoisxml", upload, mend=give_back)
    give_back()
    wait_for_completion(desk, upload)


@contextmanager
def calls_fail(desk: Desk) -> Iterator[State]:
    """The provider has an error for every question; what it says to a submit is another story."""
    faults = desk.rough.ipqs.knobs.faults
    faults += [Fault(operation, "http_500", times=FOR_EVER) for operation in ("list", "status", "credits")]
    upload = desk.submit(a_name("failing"), "rough-ipqs")
    wait_for_pause(desk, "rough-ipqs", "unavailable")
    yield State(upload=upload, mend=faults.clear)
    faults.clear()
    wait_for_completion(desk, upload)


@contextmanager
def calls_are_throttled(desk: Desk) -> Iterator[State]:
    """The provider wants fewer calls."""
    knobs = desk.rough.whoisxml.knobs
    knobs.update({"calls_per_second_max": 0, "retry_after_seconds": 2.0})
    upload = desk.submit(a_name("throttled"), "rough-whoisxml")
    wait_for_pause(desk, "rough-whoisxml", "throttled")
    yield State("rough-whoisxml", upload)
    knobs.update({"calls_per_second_max": None, "retry_after_seconds": None})


@contextmanager
def a_status_is_unknown(desk: Desk) -> Iterator[State]:
    """A job is in a status that nobody knows."""
    knobs = desk.rough.ipqs.knobs
    knobs.processing_word = "PONDERING"
    with long_jobs(desk, 1) as (upload,):
        wait_for_drift(desk, "rough-ipqs", "unknown_status")
        yield State(upload=upload)
    knobs.processing_word = "PROCESSING"
