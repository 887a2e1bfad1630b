"""Stores on a real Redis: at a shifted time, with replies that get lost, and a way to see that nothing was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.client import NEVER_DECODE
from redis.retry import Retry

from worker.store.store import COMMIT_REPEATS, Limits, Store

if TYPE_CHECKING:
    from collections.abc import Callable


C = TypeVar("C", bound=redis.Redis)


class LossyClient(redis.Redis):
    """A client whose server gets every command and some of whose replies never arrive."""

    #: Replies of scripts still to be lost.
    losses: int = 0
    #: What happens elsewhere after a reply was lost.
    meanwhile: Callable[[], object] | None = None

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Carry out a command; its reply may be lost."""
        server: Any = super()
        reply = server.execute_command(*args, **options)
        if args[0] != "EVALSHA" or not self.losses:
            return reply
        self.losses -= 1
        if self.meanwhile is not None:
            self.meanwhile()
        raise redis.ConnectionError("the connection was lost before the reply came")


def a_store(url: str, limits: Limits | None = None, *, clock_offset_seconds: float = 0.0) -> Store:
    """A store; whoever makes it closes its client."""
    return Store(_client(redis.Redis, url), limits, clock_offset_seconds=clock_offset_seconds)


def a_lossy_store(url: str, losses: int, meanwhile: Callable[[], object] | None = None) -> Store:
    """A store that loses that many replies of its scripts."""
    client = _client(LossyClient, url)
    # Scripts are loaded on their first call, which must not be the one that is lost.
    store = Store(client)
    for script in store._scripts.values():
        client.script_load(script.script)
    # As many repetitions as ever, without the waits between them.
    store._repeat = Retry(NoBackoff(), COMMIT_REPEATS, supported_errors=(redis.ConnectionError,))
    client.losses, client.meanwhile = losses, meanwhile
    return store


def everything(store: Store) -> dict[str, bytes]:
    """Every key of the store's database with its serialised value: equal before and after means nothing was written."""
    client: Any = store.client
    with client.pipeline(transaction=True) as pipe:
        keys = sorted(client.keys())
        for key in keys:
            pipe.execute_command("DUMP", key, **{NEVER_DECODE: True})
        return dict(zip(keys, pipe.execute(), strict=True))


def _client(kind: type[C], url: str) -> C:
    retry = Retry(NoBackoff(), 0)
    client: Any = kind.from_url(
        url, decode_responses=True, encoding_errors="surrogateescape", retry=retry, socket_timeout=5.0
    )
    assert isinstance(client, kind)
    return client
