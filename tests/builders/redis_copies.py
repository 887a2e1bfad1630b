"""Copies of a whole Redis database, and going back to one: what a failover to an old replica does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.client import NEVER_DECODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

    #: Every key with the milliseconds that it lives (0: for ever) and its value.
    RedisCopy = Sequence[tuple[str, int, bytes]]


def copy_of(client: redis.Redis) -> RedisCopy:
    """The database as it is now."""
    server: Any = client
    keys = sorted(server.keys())
    with server.pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.pttl(key)
            pipe.execute_command("DUMP", key, **{NEVER_DECODE: True})
        answers = pipe.execute()
    dumped = zip(keys, answers[::2], answers[1::2], strict=True)
    return [(key, max(ttl, 0), value) for key, ttl, value in dumped if value is not None]


def put_back(client: redis.Redis, copy: RedisCopy) -> None:
    """Make the database what it was."""
    with client.pipeline(transaction=True) as pipe:
        pipe.flushdb()
        for key, ttl_milliseconds, value in copy:
            pipe.restore(key, ttl_milliseconds, value)
        pipe.execute()
