"""The stream of requests seen from outside: what an intake would read now, and ages that follow a virtual time.

The server counts by its own clock for how long a request has been taken and not answered. So whoever turns a virtual
clock has to make those requests older.
"""

from __future__ import annotations

from typing import Any

import redis

from producers.contract import UPLOADS_STREAM
from worker.intake.stream import TAKEOVER_MILLISECONDS
from worker.store.keys import INTAKE_GROUP

#: Most requests that are looked at.
REQUESTS_MAX = 1_000


class RequestStream:
    """The stream in one database; `client` answers in text, and is watched by nobody."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def waits(self) -> bool:
        """Whether a request is there that an intake would read now."""
        entries: Any = self._client.xrange(UPLOADS_STREAM, count=REQUESTS_MAX)
        taken = dict(self._idle_milliseconds()) if entries else {}
        return any(taken.get(entry_id, TAKEOVER_MILLISECONDS) >= TAKEOVER_MILLISECONDS for entry_id, _ in entries)

    def seconds_to_takeover(self) -> float | None:
        """When the first request that was taken and not answered may be taken over."""
        idle = [milliseconds for _, milliseconds in self._idle_milliseconds()]
        return (TAKEOVER_MILLISECONDS - max(idle)) / 1000 if idle else None

    def grow_older(self, seconds: float) -> None:
        """Requests that were taken and not answered have been left alone for `seconds` more."""
        for entry in self._unanswered():
            idle = int(entry["time_since_delivered"] + seconds * 1000)
            name, consumer = entry["message_id"], entry["consumer"]
            self._client.xclaim(UPLOADS_STREAM, INTAKE_GROUP, consumer, 0, [name], idle=idle, justid=True)

    def _idle_milliseconds(self) -> list[tuple[str, int]]:
        return [(entry["message_id"], entry["time_since_delivered"]) for entry in self._unanswered()]

    def _unanswered(self) -> list[dict[str, Any]]:
        try:
            found: Any = self._client.xpending_range(UPLOADS_STREAM, INTAKE_GROUP, "-", "+", REQUESTS_MAX)
        except redis.ResponseError:
            # No intake has made the group yet.
            return []
        return list(found)
