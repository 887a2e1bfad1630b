"""Simulated workers, what they are at, and the messages on their way to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.builders.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.builders.messages import Message
    from tests.builders.simulation.tasks import Task
    from tests.builders.stepping import Process


@dataclass(eq=False)
class Worker:
    """One working process and the steps that it is at."""

    process: Process
    steps: list[Step] = field(default_factory=list)
    #: Until then it stands still, with everything that it holds.
    frozen_until: float = 0.0


@dataclass(eq=False)
class Step:
    """What one thread of a worker does: a message, a batch of requests, or one round of the timekeeper."""

    worker: Worker
    task: Task
    message: Message | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """The lane and the item that it is about; both empty where it is about everything."""
        return ("", "") if self.message is None else (str(self.message.lane), self.message.item)


class Bag(Messages):
    """Messages on their way; those that are due are taken in any order."""

    def __init__(self, now: Callable[[], float], chance: Random) -> None:
        super().__init__(now)
        self._chance = chance

    def take(self) -> Message | None:
        """One of the messages that are due, which is then nobody else's."""
        due = [message for message in self.waiting if message.due_at <= self._now()]
        if not due:
            return None
        taken = self._chance.choice(due)
        self.waiting.remove(taken)
        return taken
