"""The pulse: what each process writes down every few seconds, so that its absence can be seen.

It is beaten by the loop that does the work, where there is one: a loop that hangs is as absent as one that has ended.
"""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.store.store import Store

#: Seconds between two beats that are written.
PULSE_SECONDS = 5.0
#: Seconds after which a process that was not heard any more is forgotten.
FORGOTTEN_SECONDS = 86_400


class Role(StrEnum):
    """What a process, or a thread of one, is there for."""

    INTAKE = "intake"
    WORKER = "worker"
    POLLER = "poller"
    #: The thread in every worker and poller that moves what is due.
    TIMEKEEPER = "timekeeper"


def pulse_words(role: Role) -> tuple[str, str]:
    """Words of the key that holds the processes of a role by when each was last heard."""
    return ("alive", str(role))


class Pulse:
    """Says that one process lives in one role."""

    def __init__(self, store: Store, role: Role, process: str) -> None:
        """`process` is a name that no other process has."""
        self._store = store
        self._key = store.key(*pulse_words(role))
        self._process = process
        self._next = -math.inf

    def beat(self) -> None:
        """Write it down, if the last time was long enough ago. Raises `StoreUnavailable`."""
        now = time.monotonic()
        if now >= self._next:
            self._store.run_script("pulse", [self._key], self._process, FORGOTTEN_SECONDS)
            self._next = now + PULSE_SECONDS
