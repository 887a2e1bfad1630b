"""Which messages can be read, and what is kept of those that cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dramatiq import Message
from pydantic import SecretStr

from config.redaction import redactor
from worker.broker.poison import KEPT_CHARS_MAX, LOOKED_AT_BYTES_MAX, dead_letter, readable

KEY = "Poison0Canary1Key2Of3ThirtyTwo4C"


def a_message(**changes: Any) -> bytes:
    """A message of the queue `work` with these fields changed; a field of `None` is left out."""
    message: Message[object] = Message("work", "act", (1,), {}, {"redis_message_id": "1-2"})
    fields = dict(message.asdict()) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"message_id": None},
        {"message_timestamp": None},
        {"actor_name": "nobody here knows it"},
        {"options": {"redis_message_id": "1-2", "returns": 3, "v": "any", "of a later version": True}},
    ],
)
def test_what_dramatiq_can_take_is_readable(changes: dict[str, Any]) -> None:
    """A message is readable with what dramatiq adds by itself left out, and with options that nobody knows yet."""
    text = a_message(**changes)
    assert readable("work", text)
    assert Message.decode(text).queue_name == "work"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"[" * 100_000,
        a_message(args=None),
        a_message(kwargs=None),
        a_message(kwargs=[]),
        a_message(more=1),
        a_message(actor_name=["act"]),
        a_message(queue_name="another"),
        a_message(message_id=7),
        a_message(options={}),
        a_message(options={"redis_message_id": 7}),
        a_message(options={"redis_message_id": "1-2", "returns": "often"}),
        a_message(options={"redis_message_id": "1-2", "returns": -1}),
    ],
)
def test_what_would_stop_a_consumer_is_not_readable(text: bytes) -> None:
    """Whatever dramatiq cannot decode, cannot acknowledge or would hand to another queue's thread is no message."""
    assert not readable("work", text)


def test_the_dead_letter_shows_the_beginning_without_secrets() -> None:
    """An operator sees what it was and how large, and no key that stood in it, not even a half at the end."""
    redactor.register(SecretStr(KEY))
    text = b"x" * (KEPT_CHARS_MAX - 10) + KEY.encode() + b"\xff" + b"y" * 2 * LOOKED_AT_BYTES_MAX
    letter = json.loads(dead_letter(text))
    assert letter["bytes"] == len(text)
    assert letter["unreadable"] == "x" * (KEPT_CHARS_MAX - 10) + "[redacted]"
