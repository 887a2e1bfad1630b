"""The poll actor's turns: stale messages begin none, and one that crashes plans the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import poll
from worker.core.states import Lane, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "ipqs-main"
#: Seconds that a turn which the test takes itself lasts.
LEASE_SECONDS = 30.0


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose workers do not run, with a part that waits for its look."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        store = line.plant.context.store
        now = store.now()
        service = line.plant.context.accounts[ACCOUNT].service
        part = a_part("old", 0, PartState.SUBMITTED, now=now, remote_id="1", submitted_at=now, service=service)
        stored(store, an_upload("old", UploadState.RUNNING, now=now, parts_total=1), part)
        yield line


def delayed_seconds(line: Line) -> list[float]:
    """In how many seconds each delayed message is due."""
    client: Any = line.plant.broker.client
    waiting = client.zrange("dramatiq:delayed", 0, -1, withscores=True)
    return [at / 1000 - line.plant.context.store.now() for _, at in waiting]


def test_a_turn_that_crashes_plans_the_next_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error nobody foresaw the account is left alone for a while, and then polled again."""

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(poll, "Looks", crash)
    context = line.plant.context
    context.hint_poll(ACCOUNT, None)
    poll.run(context, ACCOUNT, 1)
    (seconds,) = delayed_seconds(line)
    assert seconds == pytest.approx(poll.CRASH_LOOK_SECONDS, abs=2)
    assert context.store.begin_poll(ACCOUNT, 3, LEASE_SECONDS)


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_stale_message_looks_at_nothing_and_sends_nothing(line: Line, epoch: int) -> None:
    """A doubled or late poll message makes no call and leaves the live message as it is."""
    line.plant.context.hint_poll(ACCOUNT, None)
    before = line.plant.context.store.part("old/0")
    poll.run(line.plant.context, ACCOUNT, epoch)
    assert line.plant.context.store.part("old/0") == before
    assert delayed_seconds(line) == []
    assert line.plant.context.store.begin_poll(ACCOUNT, 1, LEASE_SECONDS)


def test_an_account_whose_configuration_is_gone_is_asked_for_again(line: Line) -> None:
    """A turn for an account that this process does not know changes nothing and is planned again."""
    store, now = line.plant.context.store, line.plant.context.store.now()
    part = a_part("gone", 0, PartState.SUBMITTED, now=now, account="gone", remote_id="1")
    stored(store, an_upload("gone", UploadState.RUNNING, now=now, account="gone", parts_total=1), part)
    line.plant.context.hint_poll("gone", None)
    poll.run(line.plant.context, "gone", 1)
    assert len(delayed_seconds(line)) == 1
    assert store.next_due("gone", Lane.POLL) == now
