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
from dramatiq.brokers.redis import RedisBroker
from dramatiq.encoder import JSONEncoder
from dramatiq.middleware import AgeLimit, CurrentMessage, Retries, ShutdownNotifications

from config.redaction import redactor
from worker.broker.consumer import Consumer, closed
from worker.broker.newer import RETURNS_OPTION, for_newer, return_seconds
from worker.broker.poison import dead_letter, readable
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
#: Sorted set and texts of the delayed messages.
DELAYED_KEYS = (f"{NAMESPACE}:delayed.numbered", f"{NAMESPACE}:delayed.numbered.msgs")
#: The same of programs that did not number them. They hand over what is in there under its whole name, and a message
#: whose name in its queue is not its id is never acknowledged; so new ones go where those do not look.
FORMER_DELAYED_KEYS = (f"{NAMESPACE}:delayed", f"{NAMESPACE}:delayed.msgs")
#: How many messages were ever delayed.
DELAYED_SENT_KEY = f"{NAMESPACE}:delayed.sent"
#: Milliseconds without a heartbeat after which a process counts as dead and its messages go back to their queues, where
#: nothing else is asked for.
HEARTBEAT_TIMEOUT_MILLISECONDS = 30_000
#: Commands out of a million that look for dead processes: all of them, so that how long a dead process's messages are
#: gone is decided by its heartbeat and not by chance (one command in a thousand, dramatiq's default, makes it a quarter
#: of an hour on a quiet queue). Cheap, because the database holds only messages: the look that costs most reads the
#: names of all its keys, of which there are tens.
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


class SortedSetBroker(RedisBroker):
    """dramatiq on Redis; `delay` puts a message into one sorted set by the time it is due (milliseconds)."""

    def __init__(
        self,
        client: redis.Redis,
        middleware: list[dramatiq.Middleware] | None = None,
        leaving: Leaving | None = None,
        on_unreadable: Callable[[str], None] | None = None,
        heartbeat_timeout_milliseconds: int = HEARTBEAT_TIMEOUT_MILLISECONDS,
    ) -> None:
        """`client` must not decode responses. `middleware` is added to the few this program needs.

        `leaving` is told of messages that only a newer program understands, `on_unreadable` the queue of each message
        that nobody can read.
        """
        self._leaving = leaving
        self._on_unreadable = on_unreadable
        #: Ids by queue of the messages that this process has, waiting for a thread or running.
        self._held: dict[str, set[str]] = {}
        chosen = [AgeLimit(), ShutdownNotifications(), CurrentMessage(), Retries(max_retries=0), *(middleware or [])]
        super().__init__(  # type: ignore[no-untyped-call]  # dramatiq's broker is untyped
            client=client,
            middleware=chosen,
            namespace=NAMESPACE,
            maintenance_chance=MAINTENANCE_PER_MILLION,
            heartbeat_timeout=heartbeat_timeout_milliseconds,
            dead_message_ttl=DEAD_MESSAGE_MILLISECONDS,
        )
        folder = files("worker.broker") / "lua"
        self._delay = client.register_script((folder / "delay.lua").read_text())
        self._move_due = client.register_script((folder / "move_due.lua").read_text())
        self._dead_letter = client.register_script((folder / "dead_letter.lua").read_text())

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """A consumer of the queue that has at most `prefetch` messages and waits up to `timeout` milliseconds for one.

        Raises `ConnectionClosed` when Redis does not answer.
        """
        consumer = Consumer(self, queue_name, prefetch, timeout, self._held.setdefault(queue_name, set()))
        consumer.hand_back_unseen()
        return consumer

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
            self._delay(
                [*DELAYED_KEYS, DELAYED_SENT_KEY],
                [delay, message.options["redis_message_id"], message.queue_name, message.encode()],
            )
        except OUTAGES as error:
            raise closed(error) from None
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

    def do_fetch(self, queue_name: str, messages_max: int) -> list[bytes]:
        """Fetch messages for this process; one that nobody can read becomes a dead letter, and the others do not."""
        fetch: Any = self._dispatch("fetch")  # type: ignore[no-untyped-call]  # dramatiq's broker is untyped
        texts = (text for text in fetch(queue_name, messages_max) if text is not None)
        return [text for text in texts if not self._bury_unreadable(queue_name, text)]

    def fetched_ids(self, queue_name: str) -> set[str]:
        """Ids of the queue's messages that Redis counts as fetched by this process and not acknowledged."""
        client: Any = self.client
        return {message_id.decode() for message_id in client.smembers(self._fetched_key(queue_name))}

    def _fetched_key(self, queue_name: str) -> str:
        return f"{NAMESPACE}:__acks__.{self.broker_id}.{queue_name}"

    def _bury_unreadable(self, queue_name: str, text: bytes) -> bool:
        if readable(queue_name, text):
            return False
        queue = f"{NAMESPACE}:{queue_name}"
        keys = [self._fetched_key(queue_name), f"{queue}.msgs", f"{queue}.XQ", f"{queue}.XQ.msgs"]
        for _ in range(int(self._dead_letter(keys, [text, dead_letter(text)]))):
            log.error(
                "message_unreadable", queue=queue_name, remedy="what it was about is re-armed; see the dead letter"
            )
            if self._on_unreadable is not None:
                self._on_unreadable(queue_name)
        return True

    def move_due(self) -> int:
        """Hand delayed messages that are due to their queues; how many were moved, at most `MOVE_MESSAGES_MAX`.

        Those due first go first, and of those due at the same millisecond those that were sent first; before them go
        those that a program left behind that did not number them.
        """
        try:
            return int(self._move_due([*DELAYED_KEYS, *FORMER_DELAYED_KEYS, NAMESPACE], [MOVE_MESSAGES_MAX]))
        except OUTAGES as error:
            raise closed(error) from None

    def beat(self) -> None:
        """Say that this process lives, also while all its threads are busy and nothing is fetched."""
        try:
            self.client.zadd(f"{NAMESPACE}:__heartbeats__", {self.broker_id: int(time.time() * 1000)})
        except OUTAGES as error:
            raise closed(error) from None


dramatiq.set_encoder(RedactingEncoder())
