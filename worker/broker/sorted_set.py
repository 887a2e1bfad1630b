"""The dramatiq broker with one thing changed: a delayed message waits in a sorted set, not in a worker's memory.

`move_due` hands what is due to its queues in one atomic call, so any number of processes may call it and none of them
is needed. There are no delay queues and no consumers for them; everything else is dramatiq's own `RedisBroker`. A
message is only a hint: losing the whole broker database costs time.
"""

from __future__ import annotations

import json
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dramatiq
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.encoder import JSONEncoder
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.middleware import AgeLimit, CurrentMessage, Retries, ShutdownNotifications

from config.redaction import redactor
from worker.broker.newer import RETURNS_OPTION, for_newer, return_seconds
from worker.outages import OUTAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis
    from dramatiq import Message, MessageProxy
    from dramatiq.encoder import MessageData

    from worker.leaving import Leaving

log = structlog.get_logger()

#: dramatiq's key prefix in the broker database.
NAMESPACE = "dramatiq"
#: Milliseconds without a heartbeat after which a process counts as dead and its messages go back to their queues.
HEARTBEAT_TIMEOUT_MILLISECONDS = 30_000
#: Commands out of a million that look for dead processes: all of them. Cheap, because the database holds only messages.
MAINTENANCE_PER_MILLION = 1_000_000
#: Milliseconds that a dead-lettered message is kept.
DEAD_MESSAGE_MILLISECONDS = 7 * 86_400_000
#: Most delayed messages moved by one call.
MOVE_MESSAGES_MAX = 500


class RedactingEncoder(JSONEncoder):
    """Messages as JSON, with every known secret masked: not even a traceback in a message's options leaks a key."""

    def encode(self, data: MessageData) -> bytes:
        """The message as bytes."""
        return json.dumps(redactor.redact_value(data, sink="message"), separators=(",", ":")).encode()


class Consumer(_RedisConsumer):
    """dramatiq's consumer, to which a Redis that cannot serve is one that is gone, and which outlives a bad message."""

    def ack(self, message: MessageProxy) -> None:
        """Forget a message that was processed."""
        self._closing_on_outage(super().ack, message)

    def nack(self, message: MessageProxy) -> None:
        """Move a message that failed to the dead letters."""
        self._closing_on_outage(super().nack, message)

    def requeue(self, messages: Any) -> None:  # noqa: ANN401 - as in dramatiq
        """Put messages back that were fetched and not begun."""
        self._closing_on_outage(super().requeue, messages)

    def __next__(self) -> Any:  # noqa: ANN401 - as in dramatiq
        """The next message, or `None`. One that cannot be read is passed over, and those fetched with it are not.

        One for a newer program goes back to its queue.
        """
        while True:
            try:
                message = self._closing_on_outage(super().__next__)
                if message is None or not self.broker.put_back(message):
                    return message
                self.ack(message)
            except DecodeError:
                log.error("message_unreadable", queue=self.queue_name, remedy="what it was about is re-armed")  # noqa: TRY400 - the error repeats the message

    @staticmethod
    def _closing_on_outage(command: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - as in dramatiq
        try:
            return command(*args)
        except OUTAGES as error:
            raise _closed(error) from None


class SortedSetBroker(RedisBroker):
    """dramatiq on Redis; `delay` puts a message into one sorted set by the time it is due (milliseconds)."""

    def __init__(
        self,
        client: redis.Redis,
        middleware: list[dramatiq.Middleware] | None = None,
        leaving: Leaving | None = None,
    ) -> None:
        """`client` must not decode responses. `middleware` is added to the few this program needs.

        `leaving` is told of messages that only a newer program understands.
        """
        self._leaving = leaving
        chosen = [AgeLimit(), ShutdownNotifications(), CurrentMessage(), Retries(max_retries=0), *(middleware or [])]
        super().__init__(  # type: ignore[no-untyped-call]  # dramatiq's broker is untyped
            client=client,
            middleware=chosen,
            namespace=NAMESPACE,
            maintenance_chance=MAINTENANCE_PER_MILLION,
            heartbeat_timeout=HEARTBEAT_TIMEOUT_MILLISECONDS,
            dead_message_ttl=DEAD_MESSAGE_MILLISECONDS,
        )
        folder = files("worker.broker") / "lua"
        self._delay = client.register_script((folder / "delay.lua").read_text())
        self._move_due = client.register_script((folder / "move_due.lua").read_text())
        self._keys = [f"{NAMESPACE}:delayed", f"{NAMESPACE}:delayed.msgs"]

    @property
    def consumer_class(self) -> type[Consumer]:
        """The consumer of a queue."""
        return Consumer

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue; unlike dramatiq's, it has no delay queue beside it."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue a message now, or in `delay` milliseconds. Raises `ConnectionClosed` when Redis cannot take it."""
        try:
            if not delay or delay < 0:
                return super().enqueue(message)
            message = message.copy(options={"redis_message_id": str(uuid4())})
            self.emit_before("enqueue", message, delay)
            self._delay(self._keys, [delay, message.options["redis_message_id"], message.queue_name, message.encode()])
        except OUTAGES as error:
            raise _closed(error) from None
        self.emit_after("enqueue", message, delay)
        return message

    def put_back(self, message: MessageProxy) -> bool:
        """Whether this is a message for a newer program; then it comes up again later, unless it did so too often."""
        why = for_newer(message, self.actors)
        if why is None:
            return False
        if self._leaving is not None:
            self._leaving.left(message.queue_name, "later", error=why)
        returns = int(message.options.get(RETURNS_OPTION, 0))
        wait_seconds = return_seconds(returns)
        if wait_seconds is None:
            log.warning("message_given_up", queue=message.queue_name, remedy="what it was about is re-armed")
        else:
            again = message.copy(options={RETURNS_OPTION: returns + 1})
            self.enqueue(again, delay=int(wait_seconds * 1000))
        return True

    def move_due(self) -> int:
        """Hand delayed messages that are due to their queues, those due first first; how many were moved."""
        try:
            return int(self._move_due([*self._keys, NAMESPACE], [MOVE_MESSAGES_MAX]))
        except OUTAGES as error:
            raise _closed(error) from None

    def beat(self) -> None:
        """Say that this process lives, also while all its threads are busy and nothing is fetched."""
        try:
            self.client.zadd(f"{NAMESPACE}:__heartbeats__", {self.broker_id: int(time.time() * 1000)})
        except OUTAGES as error:
            raise _closed(error) from None


def _closed(error: Exception) -> ConnectionClosed:
    return ConnectionClosed(type(error).__name__)  # type: ignore[no-untyped-call]  # dramatiq's errors are untyped


dramatiq.set_encoder(RedactingEncoder())
