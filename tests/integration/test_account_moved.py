"""An account that is pointed at another server: remote ids of the first mean nothing at the second."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.line import Line, poll_now, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import collect, prepare, submit
from worker.context import UNKNOWN_CALLED
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.part import hold
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.store.commit import Written
    from worker.store.errors import StoreError

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


def test_submitted_parts_wait_longer_each_time_and_are_put_off_together(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many parts wait for the base URL, a turn puts them off in one write."""
    context = line.plant.context
    store = context.store
    now, service = store.now(), context.accounts[ACCOUNT].service
    fields: dict[str, Any] = {"now": now, "submitted_at": now, "service": service}
    parts = [a_part("many", n, PartState.SUBMITTED, remote_id=f"90{n}", **fields) for n in range(20)]
    stored(store, an_upload("many", UploadState.RUNNING, now=now, parts_total=20), *parts)
    point_elsewhere(line)
    store.clock_offset_seconds += 10.0
    writes: list[int] = []
    commit_many = store.commit_many

    def counted(changes: Sequence[Change]) -> list[Written | StoreError]:
        writes.append(len(changes))
        return commit_many(changes)

    monkeypatch.setattr(store, "commit_many", counted)
    waits = []
    for _ in range(3):
        poll_now(context, ACCOUNT)
        (part,) = line.parts("one")
        waits.append((part.due_at or 0.0) - part.updated_at)
        store.clock_offset_seconds += waits[-1] + 1.0
    assert writes == [21] * 3
    assert waits == pytest.approx([waits[0], 2 * waits[0], 4 * waits[0]])
    assert {part.tries for part in line.parts("many")} == {3}
