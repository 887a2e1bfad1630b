"""How a process takes messages out of a queue, through outages of Redis.

Redis remembers which messages a process has fetched until it acknowledges them. When the answer to a fetch is lost, the
process has messages that it does not know of, and as long as it lives nobody else gets them; so whenever a consumer
begins anew, those are put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.errors import ConnectionClosed

from worker.outages import OUTAGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from dramatiq import MessageProxy
    from dramatiq.brokers.redis import RedisBroker

log = structlog.get_logger()


class Consumer(_RedisConsumer):
    """dramatiq's consumer, to which a Redis that cannot serve is one that is gone."""

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int, held: set[str]) -> None:
        """`broker` is a `SortedSetBroker`. `held`: ids of the queue's messages that this process has.

        `held` outlives this consumer.
        """
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]  # dramatiq's
        self._held = held

    def hand_back_unseen(self) -> None:
        """Put back what this process has fetched and nobody in it has seen."""
        fetched = self._closing_on_outage(self.broker.fetched_ids, self.queue_name)
        if unseen := fetched - self._held:
            self._closing_on_outage(self.broker.do_requeue, self.queue_name, *sorted(unseen))
            log.warning("messages_handed_back", queue=self.queue_name, messages=len(unseen))

    def ack(self, message: MessageProxy) -> None:
        """Forget a message that was processed."""
        self._closing_on_outage(super().ack, message)
        self._held.discard(_id_of(message))

    def nack(self, message: MessageProxy) -> None:
        """Move a message that failed to the dead letters."""
        self._closing_on_outage(super().nack, message)
        self._held.discard(_id_of(message))

    def requeue(self, messages: Any) -> None:  # noqa: ANN401 - as in dramatiq
        """Put messages back that were fetched and not begun."""
        self._closing_on_outage(super().requeue, messages)
        self._held.difference_update(map(_id_of, messages))

    def __next__(self) -> Any:  # noqa: ANN401 - as in dramatiq
        """The next message, or `None`. One for a newer program goes back to its queue."""
        while True:
            message = self._closing_on_outage(super().__next__)
            if message is None:
                return None
            if not self.broker.put_back(message):
                self._held.add(_id_of(message))
                return message
            self.ack(message)

    @staticmethod
    def _closing_on_outage(command: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - as in dramatiq
        try:
            return command(*args)
        except OUTAGES as error:
            raise closed(error) from None


def closed(error: Exception) -> ConnectionClosed:
    """What an outage is to dramatiq."""
    return ConnectionClosed(type(error).__name__)  # type: ignore[no-untyped-call]  # dramatiq's errors are untyped


def _id_of(message: MessageProxy) -> str:
    return str(message.options["redis_message_id"])
