"""How many messages are in the broker database, and since when: the boxes of a queue by one atomic read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import redis

from worker.broker.sorted_set import DELAYED_KEYS, FORMER_DELAYED_KEYS, NAMESPACE
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from redis.client import Pipeline


class Boxes(NamedTuple):
    """The messages of one queue by where they are."""

    ready: int
    #: Fetched by a process and not acknowledged: running, or about to.
    inflight: int
    dead: int


class Waiting(NamedTuple):
    """What waits in the broker database."""

    boxes: Mapping[str, Boxes]
    #: Since when the oldest message of a queue is ready or dead, epoch seconds, by queue and box; no message, no entry.
    oldest: Mapping[tuple[str, str], float]
    #: Messages of all queues that wait until they are due, and when the first of them is, epoch seconds.
    delayed: int
    delayed_due_at: float | None


class Queues:
    """Counts messages. Safe to use from several threads."""

    def __init__(self, client: redis.Redis, names: Sequence[str]) -> None:
        """`client` is one of the broker database; it bounds how long an answer may take."""
        self.client = client
        self._names = names

    def count(self) -> Waiting:
        """What waits in every queue, and the delayed messages of all of them. Raises `StoreUnavailable`.

        Known limitation: delayed messages are not told apart by queue, because that would mean reading every one.
        """
        try:
            return self._count()
        except redis.RedisError as error:
            reason = type(error).__name__
        raise StoreUnavailable(
            f"The broker's Redis did not answer ({reason}). Check BULKVERIFY_BROKER_URL and the server."
        )

    def _count(self) -> Waiting:
        boxes: dict[str, Boxes] = {}
        firsts: dict[str, str | None] = {}
        oldest: dict[tuple[str, str], float] = {}
        with self.client.pipeline(transaction=True) as pipe:
            for delayed_key in (DELAYED_KEYS[0], FORMER_DELAYED_KEYS[0]):
                pipe.zcard(delayed_key)
                pipe.zrange(delayed_key, 0, 0, withscores=True)
            for name in self._names:
                self._ask(pipe, f"{NAMESPACE}:{name}")
            new, new_first, former, former_first, *answers = pipe.execute()
        for at, name in enumerate(self._names):
            ready, messages, dead, firsts[name], dead_first = answers[at * 5 : at * 5 + 5]
            # A message without its body is ready for a moment until a worker drops it: never below zero.
            boxes[name] = Boxes(int(ready), max(int(messages) - int(ready), 0), int(dead))
            if dead_first:
                oldest[name, "dead"] = _seconds(dead_first[0][1])
        oldest |= {(name, "ready"): at for name, at in self._ready_since(firsts)}
        due = [_seconds(score) for _, score in (*new_first, *former_first)]
        return Waiting(boxes, oldest, int(new) + int(former), min(due, default=None))

    def _ask(self, pipe: Pipeline, queue: str) -> None:
        pipe.llen(queue)
        pipe.hlen(f"{queue}.msgs")
        pipe.zcard(f"{queue}.XQ")
        pipe.lindex(queue, 0)
        pipe.zrange(f"{queue}.XQ", 0, 0, withscores=True)

    def _ready_since(self, firsts: Mapping[str, str | None]) -> Iterator[tuple[str, float]]:
        """Since when the first message of each queue is ready; one that was fetched meanwhile is left out."""
        found = {name: first for name, first in firsts.items() if first is not None}
        with self.client.pipeline(transaction=False) as pipe:
            for name, first in found.items():
                pipe.hget(f"{NAMESPACE}:{name}.msgs", first)
            texts = pipe.execute()
        for name, text in zip(found, texts, strict=True):
            at = ready_since(text or "")
            if at is not None:
                yield name, at


def ready_since(text: str) -> float | None:
    """Since when a message is ready, epoch seconds; `None` for a text that is no message of ours."""
    try:
        at = json.loads(text)["options"]["ready_at"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return float(at) if isinstance(at, int | float) else None


def _seconds(milliseconds: float) -> float:
    return float(milliseconds) / 1000
