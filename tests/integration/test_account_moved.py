"""An account that is pointed at another server: remote ids of the first mean nothing at the second."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.line import Line, poll_now, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import collect, prepare, submit
from worker.context import UNKNOWN_CALLED
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.part import hold
from worker.core.states import Lane, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.records import PartRecord

ACCOUNT = "ipqs-main"


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line with a submitted part, whose steps run only when a test calls them."""
    with running_line(tmp_path, redis_url, broker_url, start=False, ipqs={"job_seconds": 0.0}) as line:
        line.submit(line.file("list.csv", "email\none@example.com\n"), ACCOUNT, upload_id="one")
        prepare.run(line.plant.context, "one", line.upload("one").epoch)
        submit.run(line.plant.context, "one/0", line.parts("one")[0].epoch)
        assert line.parts("one")[0].state is PartState.SUBMITTED
        yield line


def point_elsewhere(line: Line) -> None:
    """Let the account's base URL be another one from now on."""
    accounts = dict(line.plant.context.accounts)
    connected = accounts[ACCOUNT]
    account = connected.account.model_copy(update={"base_url": "http://127.0.0.1:9/api"})
    accounts[ACCOUNT] = replace(connected, account=account)
    object.__setattr__(line.plant.context, "accounts", accounts)


def look(line: Line) -> PartRecord:
    """Poll the account now."""
    context = line.plant.context
    context.store.clock_offset_seconds += 10.0
    poll_now(context, ACCOUNT)
    return line.parts("one")[0]


def test_a_submitted_part_is_not_asked_for_at_another_server(line: Line) -> None:
    """The part waits, says why, and makes no call; pointed back, the account goes on where it was."""
    here = line.plant.context.accounts
    calls = dict(line.ipqs.calls)
    point_elsewhere(line)
    part = look(line)
    assert (part.state, part.reason, part.lane) == (PartState.SUBMITTED, "account_moved", Lane.POLL)
    assert dict(line.ipqs.calls) == calls
    object.__setattr__(line.plant.context, "accounts", here)
    line.plant.context.store.clock_offset_seconds += 100.0
    assert look(line).state is PartState.FINISHED


def test_a_finished_part_is_not_collected_from_another_server(line: Line) -> None:
    """The paid result stays where it is until the account points there again."""
    assert look(line).state is PartState.FINISHED
    point_elsewhere(line)
    collect.run(line.plant.context, "one/0", line.parts("one")[0].epoch)
    (part,) = line.parts("one")
    assert (part.state, part.reason) == (PartState.FINISHED, "account_moved")
    assert not line.ipqs.calls["download"]


def test_the_line_of_an_account_that_was_removed_is_told_whatever_its_jobs_are(line: Line) -> None:
    """Parts in line are called up though the account has many active jobs, and say what they wait for."""
    context = line.plant.context
    store, now = context.store, context.store.now()
    active = [a_part("jobs", index, PartState.SUBMITTED, now=now) for index in range(UNKNOWN_CALLED + 1)]
    stored(store, an_upload("jobs", UploadState.RUNNING, now=now, parts_total=len(active)), *active)
    waiting = a_part("new", 0, PartState.HELD, now=now)
    stored(store, an_upload("new", UploadState.RUNNING, now=now, parts_total=1), waiting)
    store.commit(stand(hold(waiting.written(), now, "own_rate", now + LINE_LOOK_SECONDS)))
    object.__setattr__(context, "accounts", {})
    context.wake_next(ACCOUNT)
    assert not context.lines.hold(ACCOUNT, Lane.SUBMIT, "new/0")
    submit.run(context, "new/0", 0)
    assert line.parts("new")[0].reason == "account_unknown"
