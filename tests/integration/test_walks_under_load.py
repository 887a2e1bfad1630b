"""Walks over the remote list come to their end, however many submits want every call that the account may make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import unresolved
from worker.actors.walk import walk
from worker.actors.walk_turn import WALK_SECONDS
from worker.core.states import PartState, UploadState
from worker.core.sweep import Sweep
from worker.core.urgency import Urgency
from worker.core.values import Attempt
from worker.gate import BURST_CALLS, StoreGate
from worker.providers.port import ListPage, Observation, RemoteStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.context import Connected

ACCOUNT = "ipqs-main"
PAGES = 20
#: Seconds between two times that somebody of a full line asks for a call.
SUBMIT_SECONDS = 0.1


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose workers do not run."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line


def under_load(line: Line, monkeypatch: pytest.MonkeyPatch, calls_per_second: float) -> Connected:
    """The account with a list of `PAGES` pages, and others that want a call all the while it waits for one."""
    store, connected = line.plant.context.store, line.plant.context.accounts[ACCOUNT]

    def sleep(seconds: float) -> None:
        while seconds > 0:
            store.take_token(ACCOUNT, 1.0 / calls_per_second, BURST_CALLS, Urgency.WORK)
            store.clock_offset_seconds += min(SUBMIT_SECONDS, seconds)
            seconds -= SUBMIT_SECONDS

    gate = StoreGate(store, ACCOUNT, calls_per_second, lambda _seconds: None, sleep)

    def list_page(cursor: str | None) -> ListPage:
        gate.acquire("list")
        number = int(cursor or 1)
        jobs = (Observation(str(1_000 - number), RemoteStatus.RUNNING),)
        return ListPage(jobs, None if number == PAGES else str(number + 1), PAGES)

    monkeypatch.setattr(connected.provider, "list_page", list_page)
    return replace(connected, gate=gate)


@pytest.mark.parametrize("calls_per_second", [1.0, 2.0])
def test_a_walk_of_many_pages_ends_while_a_full_line_wants_each_call(
    line: Line, monkeypatch: pytest.MonkeyPatch, calls_per_second: float
) -> None:
    """Twenty pages are read to the end within minutes, for the walk waits for its share of the calls."""
    context = line.plant.context
    connected = under_load(line, monkeypatch, calls_per_second)
    began_at = context.store.now()
    sweep = Sweep(began_at=began_at)
    assert walk(context, connected, sweep).jobs == PAGES
    assert sweep.complete
    assert context.store.now() - began_at < 300.0 / calls_per_second


def test_nobody_else_begins_a_walk_that_waits_long_for_its_calls(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes longer than its lease has it renewed all the while, and gives it back at its end."""
    context = line.plant.context
    store, now = context.store, context.store.now()
    connected = under_load(line, monkeypatch, 1.0)
    read_page = connected.provider.list_page
    left_seconds: list[float] = []

    def list_page(cursor: str | None) -> ListPage:
        page = read_page(cursor)
        store.clock_offset_seconds += 20.0
        held = store.account(ACCOUNT, "ipqs").walk
        assert held is not None
        left_seconds.append(held.until - store.now())
        return page

    monkeypatch.setattr(connected.provider, "list_page", list_page)
    attempt = Attempt(number=1, object="attempts/one/1", at=now, over_at=now)
    part = a_part("one", 0, PartState.INTENT, now=now, service=connected.service, attempt=attempt, attempts=1)
    stored(store, an_upload("one", UploadState.RUNNING, now=now, parts_total=1), part)
    unresolved.search(context, connected, part)
    assert len(left_seconds) > PAGES
    assert store.now() - now > WALK_SECONDS
    assert min(left_seconds) > 0
    assert store.account(ACCOUNT, "ipqs").walk is None
