"""Six ways in which plain dramatiq on Redis leaks, loses, delays or doubles messages, and that none of them is left.

Each test first shows what dramatiq does by itself, on the same server and with a real worker, and then what is made of
it here. Where ours differs by more than the broker, because a message is a hint about a record, the whole line runs.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dramatiq
import dramatiq.worker
import pytest

from tests.builders.broker_process import KEY, a_process, declare
from tests.builders.brokers import Queues, a_broker, an_actor, working
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from tests.builders.plain_dramatiq import a_plain_broker, held_by, working_plainly
from tests.builders.records import an_upload, stored
from tests.builders.silent_process import SilentProcess
from worker.core.states import Lane
from worker.host.embedded import EmbeddedServer
from worker.metrics import STALE_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dramatiq.brokers.redis import RedisBroker

    from tests.builders.line import Line

#: The logical databases of a test's own server.
STATE, BROKER, COUNTS = 0, 1, 2
HOUR_SECONDS = 3_600.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Yield a server of the test's own, which it may stop and start again."""
    with EmbeddedServer(tmp_path / "server") as server:
        yield server


@pytest.fixture(autouse=True)
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let dramatiq try again at once where it would wait for seconds."""
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", 0.05)
    monkeypatch.setattr(dramatiq.worker, "POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.05)


def plain_actor(broker: RedisBroker, act: Callable[..., object], **options: Any) -> dramatiq.Actor[..., object]:
    """An actor that does `act`, in the queue `work`, as dramatiq declares it."""
    return dramatiq.actor(actor_name="act", queue_name="work", broker=broker, **options)(act)


def everything_in(broker: RedisBroker) -> bytes:
    """All keys and values of the broker's database."""
    return Queues(broker).text()


# Leak


@pytest.mark.parametrize(("kind", "leaks"), [("plain", True), ("ours", False)])
def test_leak(tmp_path: Path, server: EmbeddedServer, kind: str, leaks: bool) -> None:
    """An error that holds a key puts it into dramatiq's log and messages; ours masks it in both."""
    urls = (server.url(BROKER), server.url(COUNTS))
    with a_process(tmp_path, kind, *urls, timeout_seconds=30), a_broker(urls[0]) as broker:
        declare(broker, broker.client)["leak"].send()
        wait_until(lambda: b"HTTPError" in everything_in(broker), seconds=30, what="the failed message, to be retried")
        assert (KEY.encode() in everything_in(broker)) == leaks
        wait_until(lambda: "HTTPError" in (tmp_path / "log").read_text(), what="the error in the log")
    assert (KEY in (tmp_path / "log").read_text()) == leaks


# Loss


def test_loss_in_dramatiq(server: EmbeddedServer) -> None:
    """A retry that cannot be sent, because Redis is gone, is acknowledged all the same: nothing is left of it."""
    failed: list[int] = []

    def fail_in_an_outage() -> None:
        server.stop()
        failed.append(1)
        raise ZeroDivisionError

    with a_plain_broker(server.url(BROKER)) as broker:
        actor = plain_actor(broker, fail_in_an_outage, max_retries=9, min_backoff=1)
        actor.send()
        with working_plainly(broker):
            wait_until(lambda: failed == [1], what="the failure")
            server.start()
            wait_until(lambda: held_by(broker, "work") == 0, what="the failed message acknowledged")
        assert broker.client.keys("dramatiq:work*") == []


def test_loss_is_a_delay_here(tmp_path: Path, server: EmbeddedServer) -> None:
    """A message that fails in an outage is gone as well, but what it was about is due, and is hinted at again."""
    with running_line(tmp_path, server.url(STATE), server.url(BROKER), start=False) as line:
        store, broker = line.plant.context.store, line.plant.broker
        stored(store, an_upload("u", now=store.now()))
        failed: list[str] = []

        def fail_in_an_outage(upload_id: str, epoch: int) -> None:
            server.stop()
            failed.append(upload_id)
            raise ZeroDivisionError

        broker.get_actor(Lane.PREPARE).fn = fail_in_an_outage
        line.plant.context.hints.send(Lane.PREPARE, "u", 0, 0.0)
        with working(broker):
            wait_until(lambda: failed == ["u"], what="the failure")
            server.start()
            wait_until(lambda: not broker.fetched_ids(Lane.PREPARE), what="the failed message put aside")
        store.clock_offset_seconds += HOUR_SECONDS
        assert (_ready(line, Lane.PREPARE), line.timekeeper.rearm(), _ready(line, Lane.PREPARE)) == (0, 1, 1)


def _ready(line: Line, lane: Lane) -> int:
    client: Any = line.plant.broker.client
    return int(client.llen(f"dramatiq:{lane}"))


# Starvation


def send_two_far_and_one_near(actor: dramatiq.Actor[..., Any]) -> None:
    """Two messages for later, and then one for sooner."""
    for delay, text in ((2_000, "far"), (2_000, "far"), (200, "near")):
        actor.send_with_options(args=(text,), delay=delay)


def test_starvation_in_dramatiq(broker_url: str) -> None:
    """A process that holds as many delayed messages as it may does not see one that is due before them."""
    done: list[str] = []
    with a_plain_broker(broker_url) as broker:
        send_two_far_and_one_near(plain_actor(broker, done.append))
        with working_plainly(broker, delay_prefetch=2):
            wait_until(lambda: len(done) == 3, what="all messages")
    assert done[0] == "far"


def test_starvation_is_no_more(broker_url: str) -> None:
    """What is due first runs first, however many wait."""
    done: list[str] = []
    with a_broker(broker_url) as broker, working(broker):
        send_two_far_and_one_near(an_actor(broker, done.append))
        wait_until(lambda: broker.move_due() >= 0 and len(done) == 3, what="all messages")
    assert done == ["near", "far", "far"]


# Duplication


def test_duplication_in_dramatiq(tmp_path: Path, server: EmbeddedServer) -> None:
    """A process that was silent for too long runs its delayed messages once more: it has them in its memory."""
    with ExitStack() as stack:
        broker = stack.enter_context(a_plain_broker(server.url(BROKER)))
        scene = SilentProcess(tmp_path, "plain", broker, (server.url(BROKER), server.url(COUNTS)), stack)
        scene.play(ready=lambda: sum(_fetched_delayed(broker)) == scene.MESSAGES)
        wait_until(lambda: scene.ran() == 2 * scene.MESSAGES, seconds=30, what="every message run twice")


def _fetched_delayed(broker: RedisBroker) -> list[int]:
    client: Any = broker.client
    return [int(client.scard(key)) for key in client.keys("dramatiq:__acks__.*.work.DQ")]


def test_duplication_is_no_more(tmp_path: Path, server: EmbeddedServer) -> None:
    """A process that was silent for too long has no delayed messages: each was run exactly once, by the other one."""
    with ExitStack() as stack:
        broker = stack.enter_context(a_broker(server.url(BROKER)))
        scene, queues = (
            SilentProcess(tmp_path, "ours", broker, (server.url(BROKER), server.url(COUNTS)), stack),
            Queues(broker),
        )
        scene.play(ready=lambda: queues.delayed() == scene.MESSAGES)
        # No message is left anywhere, and none is in the memory of a process: nothing can be run any more.
        wait_until(lambda: (queues.delayed(), queues.ready(), queues.kept()) == (0, 0, 0), what="no message left")
        assert scene.ran() == scene.MESSAGES


def test_a_doubled_hint_changes_nothing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A hint that was fetched by a process taken for dead does come twice; its epoch makes the second one stale."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload_id = line.submit(line.file("a.csv", "email\na@example.com\nb@example.com\n"), "ipqs-main")
        for _ in range(3):
            line.plant.context.hints.send(Lane.PREPARE, upload_id, line.upload(upload_id).epoch, 0.0)
        line.start_worker()
        line.finish(upload_id)
        wait_until(lambda: stale(line, Lane.PREPARE) == 3, what="three of the four hints found stale")
        decisions = line.decisions(upload_id)
        assert [decisions.count(once) for once in ("preparing", "attempt")] == [1, 1]
        # The sweep with which a worker begins may have seen the job before its answer was written.
        assert decisions.count("submitted") + decisions.count("adopt") == 1


def stale(line: Line, lane: Lane) -> float:
    """Hints of the lane that were dropped because they were no longer true."""
    value = line.plant.context.metrics.registry.get_sample_value
    labels = ({"queue": str(lane), "reason": reason} for reason in STALE_REASONS)
    return sum(value("bulkverify_stale_messages_total", each) or 0.0 for each in labels)


# Stranding


def test_stranding_in_dramatiq(server: EmbeddedServer) -> None:
    """Delayed messages that a process holds when Redis goes are never run while it lives, nor run by anybody else."""
    done: list[int] = []
    with a_plain_broker(server.url(BROKER), heartbeat_timeout=500) as broker:
        actor = plain_actor(broker, done.append)
        with working_plainly(broker) as worker:
            for number in range(10):
                actor.send_with_options(args=(number,), delay=1_500)
            wait_until(lambda: held_by(broker, "work.DQ") == 10, what="the worker has all delayed messages")
            consumer = worker.consumers["work.DQ"]
            memory = consumer.delay_queue
            _break_off(server, lambda: consumer.delay_queue is not memory)
            actor.send_with_options(args=(10,), delay=2_000)
            wait_until(lambda: done == [10], what="a message that was sent after the others")
            assert held_by(broker, "work.DQ") == 10


def test_stranding_is_no_more(server: EmbeddedServer) -> None:
    """Delayed messages wait in Redis, so they are run once it is back, by the process that was there before."""
    done: list[int] = []
    with a_broker(server.url(BROKER), heartbeat_timeout_milliseconds=500) as broker:
        actor = an_actor(broker, done.append)
        with working(broker):
            for number in range(10):
                actor.send_with_options(args=(number,), delay=1_500)
            _break_off(server, lambda: True)
            actor.send_with_options(args=(10,), delay=2_000)
            wait_until(lambda: broker.move_due() >= 0 and len(done) == 11, what="all messages")
            wait_until(lambda: not broker.fetched_ids("work"), what="all messages acknowledged")
    assert sorted(done) == list(range(11))


def _break_off(server: EmbeddedServer, noticed: Callable[[], bool]) -> None:
    """Let Redis be gone until the worker has noticed: what follows is the same after ten seconds."""
    server.stop()
    wait_until(noticed, what="the worker to notice")
    server.start()


# Poison


def send_eight_of_which_the_third_is_damaged(broker: RedisBroker, actor: dramatiq.Actor[..., Any]) -> None:
    """Eight messages that one fetch takes."""
    for number in range(8):
        actor.send(number)
    client: Any = broker.client
    client.hset("dramatiq:work.msgs", client.lindex("dramatiq:work", 2), b'{"queue_name":')


def test_poison_in_dramatiq(broker_url: str) -> None:
    """One message that cannot be read strands those fetched after it, and comes back with them after a restart."""
    done: list[int] = []
    with a_plain_broker(broker_url) as broker:
        actor = plain_actor(broker, done.append)
        send_eight_of_which_the_third_is_damaged(broker, actor)
        with working_plainly(broker, threads=8):
            wait_until(lambda: len(done) == 2, what="the messages before the damaged one")
            actor.send(8)
            wait_until(lambda: 8 in done, what="a message after the consumer's restart")
        assert sorted(done) == [0, 1, 8]
        assert held_by(broker, "work") == 6
        assert broker.client.exists("dramatiq:work.XQ") == 0


def test_poison_is_put_aside(broker_url: str) -> None:
    """All seven others run at once in the same process, and the damaged one is a dead letter that does not return."""
    done: list[int] = []
    with a_broker(broker_url) as broker:
        send_eight_of_which_the_third_is_damaged(broker, an_actor(broker, done.append))
        with working(broker, threads=8):
            wait_until(lambda: len(done) == 7 and not broker.fetched_ids("work"), what="the seven others")
        queues = Queues(broker)
        assert sorted(done) == [0, 1, 3, 4, 5, 6, 7]
        assert (queues.ready(), queues.kept(), queues.dead()) == (0, 0, 1)
