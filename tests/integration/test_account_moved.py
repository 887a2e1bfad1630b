"""An account that is pointed at another server: remote ids of the first mean nothing at the second."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.line import Line, poll_now, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import collect, prepare, submit
from worker.core.records import Attempt
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


def test_an_attempt_that_was_made_elsewhere_is_looked_at_ever_more_rarely(line: Line) -> None:
    """Until the account points back, each look at an attempt of unknown outcome waits longer for the next."""
    store = line.plant.context.store
    now, service = store.now(), line.plant.context.accounts[ACCOUNT].service
    attempt = Attempt(number=1, object="attempts/none/1", at=now, over_at=now)
    part = a_part("two", 0, PartState.INTENT, now=now, service=service, token="t" * 26, attempt=attempt, attempts=1)
    stored(store, an_upload("two", UploadState.RUNNING, now=now, parts_total=1), part)
    point_elsewhere(line)
    waits = []
    for _ in range(4):
        submit.run(line.plant.context, "two/0", line.parts("two")[0].epoch)
        (part,) = line.parts("two")
        assert (part.state, part.reason) == (PartState.INTENT, "account_moved")
        waits.append((part.due_at or 0.0) - part.updated_at)
        store.clock_offset_seconds += waits[-1]
    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]
