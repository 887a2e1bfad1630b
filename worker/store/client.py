"""Connections to Redis: bounded in time, without hidden retries, and only to a server that keeps what it is given."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.store.errors import StoreUnavailable, StoreUnsafe
from worker.store.safety import Safety

#: Seconds between health checks of an idle connection.
HEALTH_CHECK_SECONDS = 30


def connect(url: str, timeout_seconds: float) -> redis.Redis:
    """A client of the server at `url` whose every command is tried once and ends within `timeout_seconds`.

    The library repeats commands by default, also those that must not run twice; here nothing is repeated unseen.
    """
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        # A foreign producer may put any bytes into the stream; they are refused by the contract: the decoder neither
        # stops at them nor puts other text in their place.
        encoding_errors="surrogateescape",
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=HEALTH_CHECK_SECONDS,
    )


def unsafe_settings(client: redis.Redis) -> list[str]:
    """What is wrong with the server's settings, each with its remedy; empty when records are safe there.

    Servers that do not show their settings (managed ones) are judged by what INFO tells. Raises `StoreUnavailable`.
    """
    try:
        safety = Safety.of({**client.info("memory"), **client.info("persistence")})
    except redis.RedisError as error:
        raise StoreUnavailable(f"Redis does not answer: {type(error).__name__}.") from None
    problems = []
    if not safety.append_only:
        problems.append("appendonly is off: records would be lost with the server. Set `appendonly yes`.")
    if not safety.keeps_all:
        problems.append(
            f"maxmemory-policy is {safety.policy}: records could be evicted. Set `maxmemory-policy noeviction`."
        )
    return problems


def require_safe(client: redis.Redis) -> None:
    """Raise `StoreUnsafe` when the server could lose records."""
    problems = unsafe_settings(client)
    if problems:
        raise StoreUnsafe("The Redis server is not safe for records: " + " ".join(problems))
