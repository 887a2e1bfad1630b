"""How long intake waits for requests, next to the time limit of an answer of Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.line import running_line

if TYPE_CHECKING:
    from pathlib import Path


def test_an_idle_stream_is_no_outage(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Under a short time limit for Redis's answers, a read that finds no request ends well, and before that limit."""
    with running_line(tmp_path, redis_url, broker_url, start=False, redis_timeout_seconds=0.2) as line:
        assert line.intake.read() == 0
