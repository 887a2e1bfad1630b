"""The broker: messages wait in Redis until they are due, move once, and never carry a secret."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import requests
from pydantic import SecretStr
from structlog.testing import capture_logs

from config.redaction import redactor
from tests.builders.brokers import Queues, a_broker, an_actor, working
from tests.builders.deadline import wait_until
from worker.broker.newer import RETURNS_MAX, return_seconds
from worker.broker.sorted_set import (
    DELAYED_KEYS,
    FORMER_DELAYED_KEYS,
    MOVE_MESSAGES_MAX,
    SortedSetBroker,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_MILLISECONDS = 3_600_000
#: A key that a traceback may hold; registered as every configured key is.
KEY = "Broker0Canary1Key2Of3ThirtyTwo4C"


@pytest.fixture
def broker(broker_url: str) -> Iterator[SortedSetBroker]:
    """Yield a broker on an empty database."""
    with a_broker(broker_url) as broker:
        yield broker


def make_due(broker: SortedSetBroker, *delays: tuple[int, str]) -> None:
    """Send messages `text` with a delay in milliseconds, and then let an hour pass for all of them."""
    actor = broker.get_actor("act")
    for delay, text in delays:
        actor.send_with_options(args=(text,), delay=delay)
    client: Any = broker.client
    for message_id, at in client.zrange(DELAYED_KEYS[0], 0, -1, withscores=True):
        client.zadd(DELAYED_KEYS[0], {message_id: at - HOUR_MILLISECONDS})


def test_a_message_without_delay_runs_at_once(broker: SortedSetBroker) -> None:
    """An ordinary message goes to its queue and is gone when it is done."""
    done: list[str] = []
    actor, queues = an_actor(broker, done.append), Queues(broker)
    with working(broker):
        actor.send("a")
        wait_until(lambda: done == ["a"] and queues.kept() == 0, what="the message done and acknowledged")


@pytest.mark.parametrize("delay", [0, -5, None])
def test_no_delay_is_no_wait(broker: SortedSetBroker, delay: int | None) -> None:
    """A delay of nothing, or of less, goes to the queue and not to the waiting ones."""
    an_actor(broker, print).send_with_options(args=("a",), delay=delay)
    assert (Queues(broker).ready(), Queues(broker).delayed()) == (1, 0)


def test_a_delayed_message_waits_in_redis_and_in_no_worker(broker: SortedSetBroker) -> None:
    """While a message is not due no worker holds it: its queue is empty and there is no delay queue."""
    done: list[str] = []
    actor, queues = an_actor(broker, done.append), Queues(broker)
    with working(broker) as worker:
        for _ in range(100):
            actor.send_with_options(args=("later",), delay=HOUR_MILLISECONDS)
        actor.send("now")
        wait_until(lambda: done == ["now"], what="the message that is due")
        assert (queues.delayed(), queues.ready(), queues.kept()) == (100, 0, 0)
        assert [name for name in worker.consumers if name.endswith(".DQ")] == []
        assert broker.move_due() == 0


def test_a_near_message_is_not_blocked_by_far_ones(broker: SortedSetBroker) -> None:
    """A message due soon runs on time though thousands that are due later were sent before it."""
    done: list[str] = []
    actor = an_actor(broker, done.append)
    for _ in range(3_000):
        actor.send_with_options(args=("far",), delay=HOUR_MILLISECONDS)
    actor.send_with_options(args=("near",), delay=50)
    with working(broker):
        wait_until(lambda: broker.move_due() == 1, what="the near message is due")
        wait_until(lambda: done == ["near"], what="the near message")
    assert Queues(broker).delayed() == 3_000


def test_messages_run_in_the_order_in_which_they_are_due(broker: SortedSetBroker) -> None:
    """What is due first is handed over first, whatever was sent first."""
    done: list[str] = []
    an_actor(broker, done.append)
    make_due(broker, (800, "third"), (200, "first"), (900, "fourth"), (500, "second"))
    assert broker.move_due() == 4
    with working(broker):
        wait_until(lambda: len(done) == 4, what="all messages")
    assert done == ["first", "second", "third", "fourth"]


def test_messages_due_at_the_same_time_run_in_the_order_in_which_they_were_sent(broker: SortedSetBroker) -> None:
    """Of a crowd that is due at one millisecond, what was sent first is handed over first, over several moves."""
    actor = an_actor(broker, print)
    numbers = list(range(MOVE_MESSAGES_MAX + 100))
    for number in numbers:
        actor.send_with_options(args=(number,), delay=HOUR_MILLISECONDS)
    client: Any = broker.client
    client.zadd(DELAYED_KEYS[0], dict.fromkeys(client.zrange(DELAYED_KEYS[0], 0, -1), 1))
    assert [broker.move_due(), broker.move_due()] == [MOVE_MESSAGES_MAX, 100]
    handed_over = [client.hget("dramatiq:work.msgs", message) for message in client.lrange("dramatiq:work", 0, -1)]
    assert [dramatiq.Message.decode(text).args[0] for text in handed_over] == numbers


def test_two_movers_move_every_message_exactly_once(broker: SortedSetBroker, broker_url: str) -> None:
    """Two processes that move at the same time share the messages without a double and without a loss."""
    done: list[str] = []
    an_actor(broker, done.append)
    make_due(broker, *((number + 1, str(number)) for number in range(1_200)))
    moved: list[int] = []

    def move(mover: SortedSetBroker) -> None:
        while number := mover.move_due():
            moved.append(number)

    with a_broker(broker_url) as second:
        threads = [threading.Thread(target=move, args=(mover,)) for mover in (broker, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(moved) == 1_200
    assert max(moved) <= MOVE_MESSAGES_MAX
    assert (Queues(broker).ready(), Queues(broker).delayed()) == (1_200, 0)
    with working(broker, threads=4):
        wait_until(lambda: len(done) == 1_200, what="all messages")
    assert len(set(done)) == 1_200


def test_a_message_whose_text_is_lost_does_not_stop_the_others(broker: SortedSetBroker) -> None:
    """An id without a message is dropped from the waiting ones, and the rest is moved."""
    an_actor(broker, print)
    make_due(broker, (100, "a"), (200, "b"))
    client: Any = broker.client
    client.hdel(DELAYED_KEYS[1], client.zrange(DELAYED_KEYS[0], 0, 0)[0])
    broker.move_due()
    assert (Queues(broker).ready(), Queues(broker).delayed()) == (1, 0)


def test_a_delayed_message_of_a_former_program_runs_once(broker: SortedSetBroker) -> None:
    """What was delayed without a number is handed over under its own id, so that it is acknowledged and gone."""
    done: list[str] = []
    actor, queues = an_actor(broker, done.append), Queues(broker)
    message = actor.message("a").copy(options={"redis_message_id": "5f0c6d4e-5d7c-4f0b-8a7e-0d5b8b1c2a3f"})
    message_id, client = message.options["redis_message_id"], broker.client
    client.hset(FORMER_DELAYED_KEYS[1], message_id, b"work\n" + message.encode())
    client.zadd(FORMER_DELAYED_KEYS[0], {message_id: 1})
    assert broker.move_due() == 1
    with working(broker):
        wait_until(lambda: done == ["a"] and queues.kept() == 0, what="the message done and acknowledged")
    assert not client.exists(*FORMER_DELAYED_KEYS)


def test_messages_of_both_programs_share_the_bound_of_a_move(broker: SortedSetBroker) -> None:
    """One move takes no more than its bound out of both sets together, and the next one the rest."""
    an_actor(broker, print)
    make_due(broker, (1, "a"), (2, "b"))
    client: Any = broker.client
    client.zadd(FORMER_DELAYED_KEYS[0], {str(number): 1 for number in range(MOVE_MESSAGES_MAX - 1)})
    assert [broker.move_due(), broker.move_due()] == [MOVE_MESSAGES_MAX, 1]


def test_no_former_program_sees_a_delayed_message(broker: SortedSetBroker) -> None:
    """A program that knows no numbers would hand it over under another id: it is not where that one looks."""
    an_actor(broker, print).send_with_options(args=("a",), delay=HOUR_MILLISECONDS)
    assert not broker.client.exists("dramatiq:delayed", "dramatiq:delayed.msgs")
    assert Queues(broker).delayed() == 1


def fail_with_the_key() -> None:
    """Fail the way an HTTP library fails: with the whole URL in the error's text, and the key in its cause."""
    cause = ValueError(f"bad key {KEY}")
    raise requests.HTTPError(f"404 for url: https://example.invalid/api/json/{KEY}/csv") from cause


def test_a_failed_message_leaves_no_secret_in_redis(broker: SortedSetBroker) -> None:
    """A message that fails with a key in its traceback is a dead letter, and the key is nowhere in the database."""
    redactor.register(SecretStr(KEY))
    actor, queues = an_actor(broker, fail_with_the_key), Queues(broker)
    with working(broker):
        actor.send()
        wait_until(lambda: queues.dead() == 1, what="the dead letter")
    assert KEY.encode() not in queues.text()


def test_the_traceback_of_a_retried_message_is_kept_without_the_secret(broker: SortedSetBroker) -> None:
    """Where an actor retries, the message that waits carries its traceback, and the key in it is masked."""
    redactor.register(SecretStr(KEY))
    actor, queues = an_actor(broker, fail_with_the_key, max_retries=1, min_backoff=HOUR_MILLISECONDS), Queues(broker)
    with working(broker):
        actor.send()
        wait_until(lambda: queues.delayed() == 1, what="the retry")
    assert b"HTTPError" in queues.text()
    assert b"[redacted]" in queues.text()
    assert KEY.encode() not in queues.text()


def test_a_message_that_fails_is_not_run_again(broker: SortedSetBroker) -> None:
    """Without retries a failure is final: it is the store that knows what to do next."""
    runs: list[int] = []

    def fail() -> None:
        runs.append(1)
        raise ZeroDivisionError

    actor, queues = an_actor(broker, fail), Queues(broker)
    with working(broker):
        actor.send()
        wait_until(lambda: queues.dead() == 1, what="the dead letter")
    assert (runs, queues.delayed(), queues.ready()) == ([1], 0, 0)


@pytest.mark.parametrize("newer", [{"actor_name": "new"}, {"options": {"v": 2}}, {"options": {"v": "two"}}])
def test_a_message_for_a_newer_program_goes_back_and_does_not_stop_the_queue(
    broker: SortedSetBroker, newer: dict[str, Any]
) -> None:
    """A message of a later version, or for an actor nobody here knows, comes up again later; the next one runs."""
    done: list[str] = []
    actor, queues = an_actor(broker, done.append), Queues(broker)
    broker.enqueue(actor.message("newer").copy(**newer))
    actor.send("next")
    with working(broker):
        wait_until(lambda: done == ["next"] and queues.delayed() == 1, what="the next message, and one put back")
    assert (queues.kept(), queues.dead()) == (0, 0)


def test_a_message_for_a_newer_program_is_run_by_one(broker: SortedSetBroker, broker_url: str) -> None:
    """What one program puts back is there, whole, for another one that has the actor."""
    done: list[str] = []
    actor = an_actor(broker, done.append)
    broker.enqueue(actor.message("for the newer one").copy(actor_name="new"))
    with working(broker):
        wait_until(lambda: Queues(broker).delayed() == 1, what="the message put back")
    with a_broker(broker_url) as newer:
        dramatiq.actor(actor_name="new", queue_name="work", broker=newer)(done.append)
        with working(newer):
            wait_until(lambda: bool(newer.move_due()), what="the message to come up again")
            wait_until(lambda: done == ["for the newer one"], what="the newer actor")


def test_a_message_for_a_newer_program_goes_back_a_bounded_number_of_times(broker: SortedSetBroker) -> None:
    """After some minutes of returns it is let go, and said so: what it is about is in the due set."""
    actor, queues = an_actor(broker, print), Queues(broker)
    broker.enqueue(actor.message("x").copy(actor_name="new", options={"returns": RETURNS_MAX}))
    with capture_logs() as told, working(broker):
        wait_until(lambda: queues.kept() == 0, what="the message to be let go")
    assert queues.delayed() == 0
    assert [entry["event"] for entry in told if entry["log_level"] == "warning"] == ["message_given_up"]


def test_returns_take_longer_each_time_up_to_a_bound() -> None:
    """The waits grow from half a second to half a minute, and end."""
    waits = [return_seconds(returns) for returns in range(RETURNS_MAX + 1)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert waits[-2:] == [30.0, None]
