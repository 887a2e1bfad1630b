"""How many messages are in the broker database: one atomic read, so that the boxes of a queue belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import redis

from worker.broker.sorted_set import DELAYED_KEYS, FORMER_DELAYED_KEYS, NAMESPACE
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Boxes(NamedTuple):
    """The messages of one queue by where they are."""

    ready: int
    #: Fetched by a process and not acknowledged: running, or about to.
    inflight: int
    dead: int


class Queues:
    """Counts messages. Safe to use from several threads."""

    def __init__(self, client: redis.Redis, names: Sequence[str]) -> None:
        """`client` is one of the broker database; it bounds how long an answer may take."""
        self.client = client
        self._names = names

    def count(self) -> tuple[Mapping[str, Boxes], int]:
        """The boxes of every queue, and the delayed messages of all of them. Raises `StoreUnavailable`.

        Known limitation: delayed messages are not told apart by queue, because that would mean reading every one.
        """
        try:
            return self._count()
        except redis.RedisError as error:
            reason = type(error).__name__
        raise StoreUnavailable(
            f"The broker's Redis did not answer ({reason}). Check BULKVERIFY_BROKER_URL and the server."
        )

    def _count(self) -> tuple[Mapping[str, Boxes], int]:
        with self.client.pipeline(transaction=True) as pipe:
            pipe.zcard(DELAYED_KEYS[0])
            pipe.zcard(FORMER_DELAYED_KEYS[0])
            for name in self._names:
                pipe.llen(f"{NAMESPACE}:{name}")
                pipe.hlen(f"{NAMESPACE}:{name}.msgs")
                pipe.zcard(f"{NAMESPACE}:{name}.XQ")
            delayed, former, *counts = (int(count) for count in pipe.execute())
        triples = zip(counts[0::3], counts[1::3], counts[2::3], strict=True)
        # A message without its body is ready for a moment until a worker drops it: never below zero.
        boxes = [Boxes(ready, max(messages - ready, 0), dead) for ready, messages, dead in triples]
        return dict(zip(self._names, boxes, strict=True)), delayed + former
