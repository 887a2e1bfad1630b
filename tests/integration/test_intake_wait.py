"""How long intake waits for requests, next to the time limit of an answer of Redis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import redis

from tests.builders.line import running_line

if TYPE_CHECKING:
    from pathlib import Path

#: Time limit of an answer: no more than what intake waits where nothing limits it, and with room for a busy machine.
TIMEOUT_SECONDS = 1.0


def test_an_idle_stream_is_no_outage(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A read that finds no request ends well, because it waits for at most half of the time that an answer may take."""
    untyped: Any = redis.Redis.from_url(redis_url, decode_responses=True)
    with (
        running_line(tmp_path, redis_url, broker_url, start=False, redis_timeout_seconds=TIMEOUT_SECONDS) as line,
        untyped.monitor() as monitor,
    ):
        assert line.intake.read() == 0
        commands = (command["command"] for command in monitor.listen())
        asked = next(filter(None, (re.search(r"XREADGROUP .*BLOCK (\d+)", command) for command in commands)))
    assert 0 < int(asked[1]) <= TIMEOUT_SECONDS / 2 * 1000
