"""Messages that nobody can read: what makes one readable, and what is kept of one that is not.

Only a foreign program, or damage, makes one: the documented way in is the request stream, which checks its entries.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.redaction import redactor

#: Most bytes of an unreadable message that are looked at, and most characters of it that are kept.
LOOKED_AT_BYTES_MAX = 65_536
KEPT_CHARS_MAX = 1_000


class _Options(BaseModel):
    """The options of a message that must have a certain form, or the queue stops at it."""

    model_config = ConfigDict(extra="allow", strict=True)

    redis_message_id: str
    returns: Annotated[int, Field(ge=0)] = 0


class _Fields(BaseModel):
    """The fields of a message, as dramatiq takes them."""

    model_config = ConfigDict(extra="forbid", strict=True)

    queue_name: str
    actor_name: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: _Options
    message_id: str = ""
    message_timestamp: float = 0


def readable(queue: str, text: bytes) -> bool:
    """Whether `text` is a message of `queue`. Whether anybody here can run it is another question."""
    try:
        return _Fields.model_validate_json(text).queue_name == queue
    except ValidationError:
        return False


def dead_letter(text: bytes) -> bytes:
    """What is kept of an unreadable message: its beginning without secrets, and its size, as JSON."""
    # Redacted before it is shortened: half a secret would not be recognised.
    looked_at = text[:LOOKED_AT_BYTES_MAX].decode(errors="replace")
    kept = redactor.redact(looked_at, sink="message")[:KEPT_CHARS_MAX]
    return json.dumps({"unreadable": kept, "bytes": len(text)}, separators=(",", ":")).encode()
