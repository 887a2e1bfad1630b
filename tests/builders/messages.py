"""In the place of the broker: a list of messages at a virtual time, which nobody takes by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from worker.broker.sorted_set import HEARTBEAT_TIMEOUT_MILLISECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.core.states import Lane


@dataclass(order=True)
class Message:
    """One message on its way; among those that are due, the one that was sent first comes first."""

    due_at: float
    order: int
    lane: Lane = field(compare=False)
    item: str = field(compare=False)
    epoch: int = field(compare=False)


class Messages:
    """Every message that was sent and not yet taken. Implements `worker.context.Hints`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._order = count()
        self.waiting: list[Message] = []

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Keep a message until it is due."""
        self.waiting.append(Message(self._now() + delay_seconds, next(self._order), lane, item, epoch))

    def is_due(self) -> bool:
        """Whether there is a message to take now."""
        first = min(self.waiting, default=None)
        return first is not None and first.due_at <= self._now()

    def take(self) -> Message | None:
        """The first message that is due, which is then nobody else's."""
        if not self.is_due():
            return None
        self.waiting.remove(first := min(self.waiting))
        return first

    def give_back(self, message: Message) -> None:
        """The process that took it has died: it comes up again once its silence has been noticed."""
        message.due_at = self._now() + HEARTBEAT_TIMEOUT_MILLISECONDS / 1000
        self.waiting.append(message)
