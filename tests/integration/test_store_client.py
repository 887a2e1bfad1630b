"""The client of the state database sends each command once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.connection import AbstractConnection

from worker.store.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_command_whose_reply_was_lost_is_not_sent_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told, and decides; a client that repeats by itself would do twice what must be done once."""
    read: Callable[..., Any] = AbstractConnection.read_response
    lost = 0

    def lossy(connection: AbstractConnection, *args: Any, **options: Any) -> Any:
        nonlocal lost
        reply = read(connection, *args, **options)
        if reply != 1 or lost:
            return reply
        lost += 1
        raise redis.ConnectionError("the connection was lost before the reply came")

    with connect(redis_url, 5.0) as client:
        client.set("done", 0)
        monkeypatch.setattr(AbstractConnection, "read_response", lossy)
        with pytest.raises(redis.ConnectionError):
            client.incr("done")
        assert (client.get("done"), lost) == ("1", 1)
