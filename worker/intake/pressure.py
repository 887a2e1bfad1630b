"""Back-pressure: intake leaves requests in the stream while Redis is nearly full."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import redis
import structlog

from worker.store.keys import INTAKE_PAUSED
from worker.store.memory import Memory

if TYPE_CHECKING:
    from worker.store.store import Store

log = structlog.get_logger()

#: How far below the share, as a part of maxmemory, memory must fall before intake reads on.
RELIEF_SHARE = 0.05
#: Seconds between two looks at the memory while intake is paused.
LOOK_SECONDS = 1.0
#: Seconds after which a pause that no intake has confirmed is not shown any more.
SHOWN_SECONDS = 30


class Pressure:
    """Tells whether intake has to pause. Says so in the log when that changes, and in Redis for the exporter."""

    def __init__(self, store: Store, share: float) -> None:
        """`share` of the server's maxmemory is the mark."""
        self._client: Any = store.client
        self._key = store.key(*INTAKE_PAUSED)
        self._share = share
        self._paused = False
        self._limit_missed = False

    def high(self) -> bool:
        """Whether nothing more may be read now. Raises the library's errors when Redis does not answer."""
        memory = Memory.of(self._client.info("memory"))
        if memory.limit_bytes == 0:
            self._tell_no_limit()
        paused = memory.reaches(self._share - RELIEF_SHARE if self._paused else self._share)
        if paused != self._paused:
            self._tell(memory, paused=paused)
        self._paused = paused
        if paused:
            self._show()
        return paused

    def _tell(self, memory: Memory, *, paused: bool) -> None:
        told = {**memory._asdict(), "share": self._share}
        if paused:
            remedy = "requests wait in the stream; give Redis more memory, or lower BULKVERIFY_RETENTION_DAYS"
            log.warning("intake_paused", **told, remedy=remedy)
        else:
            self._client.delete(self._key)
            log.info("intake_resumed", **told)

    def _tell_no_limit(self) -> None:
        if not self._limit_missed:
            self._limit_missed = True
            log.info("redis_without_limit", remedy="set maxmemory, so that intake can pause before memory runs out")

    def _show(self) -> None:
        """Keep the pause known for a while. On a server that is full altogether, its memory shows it."""
        with suppress(redis.OutOfMemoryError):
            self._client.set(self._key, "1", ex=SHOWN_SECONDS)
