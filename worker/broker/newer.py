"""Messages that only a newer program understands: they go back to their queue, for a process that does.

Each goes back for longer than the time before, and not for ever: a message is a hint, and what it is about is re-armed
by whoever can read it. A queue that this program does not know has no consumer here, so its messages simply wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.schema import FIRST_VERSION, SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Container

    from dramatiq import MessageProxy

#: The option of a message that holds its schema version, and the one that counts how often it went back.
VERSION_OPTION = "v"
RETURNS_OPTION = "returns"
#: Seconds after which a message comes up again (first time, longest).
RETURN_SECONDS = (0.5, 30.0)
#: Times that one message goes back: about three minutes in all.
RETURNS_MAX = 12


def for_newer(message: MessageProxy, actors: Container[str]) -> str | None:
    """Why this program must not run a message; `None` when it may."""
    version = message.options.get(VERSION_OPTION, FIRST_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        return f"The message has schema version {version}; this program reads up to {SCHEMA_VERSION}."
    if message.actor_name not in actors:
        return f"This program has no actor {message.actor_name}."
    return None


def return_seconds(returns: int) -> float | None:
    """Seconds until a message comes up again that went back `returns` times; `None` when that was often enough."""
    first, longest = RETURN_SECONDS
    return min(first * 2**returns, longest) if returns < RETURNS_MAX else None
