"""Checks of the server that keeps the records, and of intake's way into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cli.health.check import ok, problem, warning
from worker.cli.wording import duration
from worker.store.safety import KEEPS_ALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading

AREA = "redis"
#: Fraction of `maxmemory` from which on the server counts as nearly full.
MEMORY_SHARE_MAX = 0.9
#: Seconds that a request may wait for an answer.
REQUEST_SECONDS_MAX = 600.0


def server_checks(reading: Reading) -> Iterator[Check]:
    """What the server says of itself, and what waits to be read."""
    yield _durability(reading)
    yield _disk(reading)
    yield _eviction(reading)
    yield _memory(reading)
    yield _broker(reading)
    yield _requests(reading)


def _durability(reading: Reading) -> Check:
    if reading.figures.safety.append_only:
        return ok(AREA, "durability", "every write goes to an append-only file")
    text = "appendonly is off: records would be lost with the server"
    return problem(AREA, "durability", text, "Set `appendonly yes`; docs/production.md has the whole configuration.")


def _disk(reading: Reading) -> Check:
    if reading.figures.safety.writes_arrive:
        return ok(AREA, "disk", "what was last written to disk arrived there")
    text = "what Redis last wrote to disk did not arrive there"
    return problem(AREA, "disk", text, "Look at Redis's log and at the free space of its disk.")


def _eviction(reading: Reading) -> Check:
    safety = reading.figures.safety
    remedy = f"Set `maxmemory-policy {KEEPS_ALL}`"
    if not safety.keeps_all:
        text = f"maxmemory-policy is {safety.policy}: records could be thrown away"
        return problem(AREA, "eviction", text, f"{remedy}.")
    if safety.evicted_keys:
        text = f"{safety.evicted_keys:,} keys were thrown away for want of memory since the server started"
        look = f"{remedy}, and see with `bulkverify recover --dry-run` what of it storage can make again."
        return problem(AREA, "eviction", text, look)
    return ok(AREA, "eviction", "nothing is thrown away when memory runs out")


def _memory(reading: Reading) -> Check:
    figures = reading.figures
    memory = figures.memory
    used = f"{_mebibytes(memory.used_bytes)} used"
    more = "Give Redis more memory (`maxmemory`), or keep records for less long (BULKVERIFY_RETENTION_DAYS)."
    if figures.intake_paused:
        return problem(AREA, "memory", f"no lists are accepted: Redis is nearly full, {used}", more)
    if not memory.limit_bytes:
        return ok(AREA, "memory", f"{used}, and no limit is set")
    told = f"{used} of {_mebibytes(memory.limit_bytes)}"
    if memory.reaches(min(MEMORY_SHARE_MAX, reading.settings.intake_memory_share)):
        return warning(AREA, "memory", f"Redis is nearly full: {told}", more)
    return ok(AREA, "memory", told)


def _broker(reading: Reading) -> Check:
    if reading.waiting is not None:
        return ok(AREA, "broker", "the database of the queues answers")
    return problem(AREA, "broker", "the database of the queues does not answer", reading.broker_fault)


def _requests(reading: Reading) -> Check:
    figures = reading.figures
    if figures.backlog_oldest_at is None:
        return ok(AREA, "requests", "every request is answered")
    waits_seconds = figures.at - figures.backlog_oldest_at
    text = f"{figures.backlog_entries:,} requests are not answered yet, the oldest for {duration(waits_seconds)}"
    if waits_seconds <= REQUEST_SECONDS_MAX:
        return ok(AREA, "requests", text)
    return problem(AREA, "requests", text, "See that an intake runs: `bulkverify up`, or `bulkverify run intake`.")


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.0f} MiB"
