"""The timekeeper: whatever message is lost, what it was about is looked at again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.broker.sorted_set import DELAYED_KEYS, MOVE_MESSAGES_MAX
from worker.core.change import lease_change
from worker.core.line import LINE_LOOK_SECONDS, stand
from worker.core.part import hold
from worker.core.states import Lane, PartState, UploadState
from worker.host.embedded import EmbeddedServer
from worker.timekeeper import MOVES_MAX, Timekeeper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store

#: Seconds after which everything that was due is overdue in a test.
LONG_SECONDS = 1_000.0


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose workers do not run."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        yield line


def store_of(line: Line) -> Store:
    """The line's store."""
    return line.plant.context.store


def let_time_pass(line: Line, seconds: float = LONG_SECONDS) -> None:
    """Move the store's clock on, for everybody on this line."""
    store_of(line).clock_offset_seconds += seconds


def hints(line: Line) -> list[tuple[str, Any]]:
    """Every hint in the queues, as lane and arguments, sorted."""
    client: Any = line.plant.broker.client
    found = []
    for lane in Lane:
        for message_id in client.lrange(f"dramatiq:{lane}", 0, -1):
            message = line.plant.broker.client.hget(f"dramatiq:{lane}.msgs", message_id)
            fields = _decoded(message)
            found.append((str(lane), tuple(fields["args"])))
    return sorted(found)


def _decoded(message: Any) -> dict[str, Any]:
    from dramatiq import get_encoder  # noqa: PLC0415 - the encoder is set when the broker is imported

    decoded: dict[str, Any] = dict(get_encoder().decode(message))
    return decoded


def one_of_each(line: Line) -> None:
    """Store an upload to prepare, one to look at, and parts to submit, to look at and to collect."""
    store, now = store_of(line), store_of(line).now()
    stored(store, an_upload("new", now=now))
    stored(
        store,
        an_upload("old", UploadState.RUNNING, now=now, epoch=3),
        a_part("old", 0, now=now, epoch=7),
        a_part("old", 1, PartState.SUBMITTED, now=now, remote_id="1"),
        a_part("old", 2, PartState.SUBMITTED, now=now, remote_id="2"),
        a_part("old", 3, PartState.FINISHED, now=now, remote_id="3", epoch=1),
        a_part("old", 4, PartState.QUARANTINED, now=now),
        a_part("old", 5, PartState.COLLECTED, now=now),
    )


EVERYTHING = [
    ("collect", ("old/3", 1)),
    ("deliver", ("old", 3)),
    ("poll", ("ipqs-main", 1)),
    ("prepare", ("new", 0)),
    ("submit", ("old/0", 7)),
]


def test_everything_overdue_is_hinted_at_with_its_present_epoch(line: Line) -> None:
    """Each lane's work gets one fresh hint, all looks of an account share one, and what rests gets none."""
    one_of_each(line)
    assert line.timekeeper.rearm() == 0
    let_time_pass(line)
    assert line.timekeeper.rearm() == 5
    assert hints(line) == EVERYTHING


def test_what_was_hinted_at_again_is_not_hinted_at_twice(line: Line) -> None:
    """A second timekeeper in the same period finds nothing to do; in the next period it does everything once more."""
    one_of_each(line)
    let_time_pass(line)
    line.timekeeper.rearm()
    assert Timekeeper(line.plant.context, line.plant.broker).rearm() == 0
    let_time_pass(line)
    assert line.timekeeper.rearm() == 5
    # The look that was planned never ran, so its message counts as lost and a newer one replaces it.
    assert ("poll", ("ipqs-main", 2)) in hints(line)


def test_flushing_the_broker_database_loses_nothing(line: Line) -> None:
    """With every message gone, all that is due is hinted at again."""
    one_of_each(line)
    let_time_pass(line)
    line.timekeeper.rearm()
    line.plant.broker.client.flushdb()
    assert hints(line) == []
    let_time_pass(line)
    line.timekeeper.rearm()
    assert [name for name, _ in hints(line)] == [name for name, _ in EVERYTHING]


@pytest.mark.parametrize("moment", ["offered", "planned", "begun"])
def test_a_poll_message_lost_at_any_moment_is_armed_again(line: Line, moment: str) -> None:
    """Lost before it ran, while the next one waits, or with the process in its turn: the account is polled again."""
    one_of_each(line)
    store, context = store_of(line), line.plant.context
    context.hint_poll("ipqs-main", None)
    turn = None if moment == "offered" else store.begin_poll("ipqs-main", 1, 120.0)
    if moment == "planned":
        assert turn is not None
        planned = store.plan_poll("ipqs-main", turn, store.now() + 60)
        assert planned is not None
        context.hints.send(Lane.POLL, "ipqs-main", *planned)
    line.plant.broker.client.flushdb()
    let_time_pass(line)
    line.timekeeper.rearm()
    polls = [arguments for lane, arguments in hints(line) if lane == "poll"]
    ((account, epoch),) = polls
    assert store.begin_poll(account, epoch, 120.0)


def test_a_live_poll_message_is_not_doubled_by_overdue_parts(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """While the account's message is about to run, overdue parts do not send another one; once it is late, they do."""
    # A message that should have run is live for the slack. It is far longer here than any pause of a busy machine.
    slack_seconds = 60.0
    with running_line(tmp_path, redis_url, broker_url, start=False, poll_slack_seconds=slack_seconds) as line:
        one_of_each(line)
        let_time_pass(line)
        line.plant.context.hint_poll("ipqs-main", None)
        let_time_pass(line, slack_seconds / 2)
        assert line.timekeeper.rearm() == 5
        assert [arguments for lane, arguments in hints(line) if lane == "poll"] == [("ipqs-main", 1)]
        let_time_pass(line)
        assert line.timekeeper.rearm() == 5
        assert [arguments for lane, arguments in hints(line) if lane == "poll"] == [("ipqs-main", 1), ("ipqs-main", 2)]


def test_work_under_a_live_lease_is_left_alone(line: Line) -> None:
    """A record somebody works on is not hinted at before its lease has ended."""
    store = store_of(line)
    stored(store, an_upload("new", now=store.now()))
    upload = store.upload("new")
    assert upload is not None
    store.commit(lease_change(upload.leased("host:1", store.now(), 2 * LONG_SECONDS)))
    let_time_pass(line)
    assert line.timekeeper.rearm() == 0
    let_time_pass(line, 2 * LONG_SECONDS)
    assert line.timekeeper.rearm() == 1
    assert hints(line) == [("prepare", ("new", 1))]


def test_each_account_is_walked_once_in_a_period(line: Line) -> None:
    """However many timekeepers tick, each account's remote list is asked for once, and again in the next period."""
    period = line.settings.reconcile_period_seconds
    let_time_pass(line, period - store_of(line).now() % period + 1)
    for timekeeper in (line.timekeeper, Timekeeper(line.plant.context, line.plant.broker)):
        timekeeper.tick()
    once = [("reconcile", (account, 0)) for account in ("ipqs-main", "whoisxml-main")]
    assert hints(line) == once
    let_time_pass(line, period)
    line.timekeeper.tick()
    assert hints(line) == sorted(once * 2)


def test_an_account_that_only_a_newer_process_can_read_holds_up_no_other(line: Line) -> None:
    """Its line is left and stays as it is, and the line after it is called up."""
    store, now = store_of(line), store_of(line).now()
    for account in ("ipqs-main", "whoisxml-main"):
        upload = an_upload(account, UploadState.RUNNING, now=now, account=account, parts_total=1)
        stored(store, upload, a_part(account, 0, now=now, account=account))
        (part,) = store.parts([f"{account}/0"])
        store.commit(stand(hold(part, now, "own_rate", now + LONG_SECONDS)))
    store.client.set(store.key("account", "ipqs-main"), json.dumps({"schema_version": 99}))
    line.timekeeper.call_up()
    assert [arguments for _, arguments in hints(line)] == [("whoisxml-main/0", 0)]
    assert line.plant.context.lines.hold("ipqs-main", Lane.SUBMIT, "ipqs-main/0")


def test_the_running_thread_moves_and_arms(line: Line) -> None:
    """The thread does it all: due messages reach their queue, and lost work is hinted at."""
    one_of_each(line)
    let_time_pass(line)
    line.plant.context.hints.send(Lane.SUBMIT, "old/0", 99, 0.05)
    line.timekeeper.start()
    wait_until(lambda: ("submit", ("old/0", 99)) in hints(line), what="the delayed message in its queue")
    wait_until(lambda: set(EVERYTHING) <= set(hints(line)), what="a hint for everything overdue")
    line.timekeeper.stop()
    line.timekeeper.join(5)
    assert not line.timekeeper.is_alive()


def test_a_crowd_that_is_due_at_once_is_moved_at_once(line: Line) -> None:
    """When more is due than one move takes, one act moves all of it, up to a bound that leaves time for the rest."""
    broker, hinted = line.plant.broker, line.plant.context.hints
    for number in range(2 * MOVE_MESSAGES_MAX + 1):
        hinted.send(Lane.COLLECT, f"old/{number}", 0, 0.001)
    wait_until(lambda: broker.client.zcount(DELAYED_KEYS[0], "-inf", _now_milliseconds(line)) == 1001, what="all due")
    assert line.timekeeper.move() == 2 * MOVE_MESSAGES_MAX + 1
    assert line.timekeeper.move() == 0


def test_moving_ends_after_a_bounded_number_of_moves(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """While messages become due as fast as they are moved, the timekeeper still comes to its other work."""
    moves: list[int] = []

    def endless() -> int:
        moves.append(MOVE_MESSAGES_MAX)
        return MOVE_MESSAGES_MAX

    monkeypatch.setattr(line.plant.broker, "move_due", endless)
    assert line.timekeeper.move() == sum(moves)
    assert len(moves) == MOVES_MAX


def _now_milliseconds(line: Line) -> int:
    client: Any = line.plant.broker.client
    seconds, microseconds = client.time()
    return int(seconds * 1000 + microseconds // 1000)


@pytest.mark.parametrize("outage", ["gone", "full"])
def test_an_outage_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outage: str) -> None:
    """A timekeeper whose Redis is gone, or takes no writes, lives on and does its work when Redis does."""
    monkeypatch.setattr("worker.timekeeper.OUTAGE_SECONDS", 0.05)
    server = EmbeddedServer(tmp_path / "server")
    server.start()
    with running_line(tmp_path, server.url(0), server.url(1), start=False) as line:
        one_of_each(line)
        let_time_pass(line)
        client = store_of(line).client
        if outage == "gone":
            server.stop()
        else:
            client.config_set("maxmemory", 1)
        with capture_logs() as told:
            line.timekeeper.start()
            wait_until(lambda: [e["event"] for e in told].count("timekeeper_waits") > 2, what="failures")
        if outage == "gone":
            server.start()
        else:
            client.config_set("maxmemory", 0)
        wait_until(lambda: set(EVERYTHING) <= set(hints(line)), what="a hint for everything overdue")
        assert line.timekeeper.is_alive()
    server.stop()


def test_a_record_nobody_can_read_does_not_stop_the_others(line: Line) -> None:
    """A damaged record, or one of a later program, costs its own hint and no other one."""
    one_of_each(line)
    store = store_of(line)
    store.client.set(store.key("part", "old/0"), '{"schema_version": 99}')
    store.client.set(store.key("upload", "new"), '{"schema_version": 2, "from": "later"}')
    let_time_pass(line)
    line.timekeeper.rearm()
    unread = {("submit", ("old/0", 7)), ("prepare", ("new", 0))}
    assert set(hints(line)) == set(EVERYTHING) - unread


def test_an_account_nobody_can_read_does_not_stop_the_lines_of_others(line: Line) -> None:
    """Parts of an account that stands behind a damaged one are called up, and those of the damaged one are left."""
    store = store_of(line)
    now = store.now()
    for account, provider in (("ipqs-main", "ipqs"), ("whoisxml-main", "whoisxml")):
        upload = an_upload(account, UploadState.RUNNING, now=now, account=account, provider=provider)
        part = a_part(account, 0, PartState.HELD, now=now, account=account, provider=provider)
        stored(store, upload, part)
        store.commit(stand(hold(part.written(), now, "own_rate", now + LINE_LOOK_SECONDS)))
    store.client.set(store.key("account", "ipqs-main"), '{"schema_version": 99}')
    line.timekeeper.call_up()
    assert hints(line) == [("submit", ("whoisxml-main/0", 0))]
    assert line.plant.context.lines.accounts() == ["ipqs-main", "whoisxml-main"]
