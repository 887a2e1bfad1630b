"""Every effect of one process on the world, handed to a watcher before it happens.

An effect is one round trip to the state database, one call of a provider, one call of the operating system that changes
the storage (or one reading of an object), or one message sent. The watcher says what becomes of it: it is performed, or
the process crashes right before or right after it, or it is performed and the process is told that it was not answered.

A crash is a `BaseException` that nothing catches. After it the process is dead: each further effect raises it again, so
that neither `finally` nor a context manager touches the world, as after SIGKILL. All of this belongs to one `Effects`,
so that several processes live side by side; a watcher may block the thread that asks it for as long as it likes.

The wrappers are in rooms of their own: `watched_redis`, `watched_storage`, `watched_calls`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

T = TypeVar("T")


class EffectKind(StrEnum):
    """Where an effect is seen."""

    REDIS = "redis"
    HTTP = "http"
    FILE = "file"
    MESSAGE = "message"


class Fate(StrEnum):
    """What becomes of an effect."""

    PERFORM = "perform"
    CRASH_BEFORE = "before"
    CRASH_AFTER = "after"
    #: It is performed, and whoever asked for it gets the error of its layer. A message, which nobody answers, is lost.
    LOSE_REPLY = "reply lost"
    #: A message is sent twice. What is no message is performed.
    DOUBLE = "doubled"


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect that a process is about to have; `number` counts the process's own from 1."""

    process: str
    number: int
    kind: EffectKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


#: Decides about each effect, in the thread that is about to have it.
Watcher = Callable[[Effect], Fate]


class Crashed(BaseException):
    """The process is dead."""


def nothing_happens(effect: Effect) -> Fate:
    """The watcher that lets everything pass."""
    return Fate.PERFORM


class Effects:
    """The effects of one process. Safe to use from several threads."""

    def __init__(self, process: str, watcher: Watcher = nothing_happens) -> None:
        """`watcher` may be replaced at any time."""
        self.process = process
        self.watcher = watcher
        self.dead = False
        self._number = 0
        self._lock = threading.Lock()

    def kill(self) -> None:
        """End the process: whatever it does next raises `Crashed`."""
        self.dead = True

    def perform(self, kind: EffectKind, name: str, act: Callable[[], T], lost: Callable[[], BaseException]) -> T:
        """What `act` returns, unless the watcher has other plans; `lost` makes the error of a lost reply."""
        fate = self.begin(kind, name)
        result = act()
        self.end(fate)
        if fate is Fate.LOSE_REPLY:
            raise lost()
        return result

    def begin(self, kind: EffectKind, name: str) -> Fate:
        """Ask the watcher; what is to become of the effect. Raises `Crashed`."""
        self.require_alive()
        with self._lock:
            self._number += 1
            effect = Effect(self.process, self._number, kind, name)
        fate = self.watcher(effect)
        # It may have been killed while its thread waited for the watcher.
        self.require_alive()
        if fate is Fate.CRASH_BEFORE:
            self._crash()
        return fate

    def end(self, fate: Fate) -> None:
        """The effect was performed. Raises `Crashed` where its process does not live to see that."""
        if fate is Fate.CRASH_AFTER:
            self._crash()
        self.require_alive()

    def require_alive(self) -> None:
        """Raise `Crashed` in a dead process."""
        if self.dead:
            raise Crashed(self.process)

    def _crash(self) -> NoReturn:
        self.dead = True
        raise Crashed(self.process)
