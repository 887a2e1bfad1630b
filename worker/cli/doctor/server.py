"""Checks of the Redis server beyond what the exporter reads of it: its version, and its clock beside this machine's."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from worker.cli.health.check import ok, problem, unknown, warning
from worker.cli.wording import duration
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.store.store import Store

#: The earliest version with every command that is used.
VERSION_MIN = (7, 0)
#: Seconds by which two clocks may differ, beside what asking took.
CLOCK_SECONDS_MAX = 5.0
#: Seconds from which on signed requests, such as those to an object store, are refused by their receivers.
CLOCK_SECONDS_BROKEN = 300.0


def version_and_clock_checks(store: Store) -> Iterator[Check]:
    """What one answer each tells. Raises `StoreUnavailable`."""
    client: Any = store.client
    with reaching():
        info: dict[str, object] = client.info("server")
    yield version_check(str(info.get("redis_version", "")))
    began = time.time()
    there = store.now() - store.clock_offset_seconds
    yield clock_check(here=(began + time.time()) / 2, there=there)


def version_check(version: str) -> Check:
    """Whether the server knows every command; servers that are compatible with Redis tell the version they are like."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None:
        return unknown("redis", "version", "the server does not tell its version", "See that it is Redis 7.0 or later.")
    if (int(numbers[1]), int(numbers[2])) >= VERSION_MIN:
        return ok("redis", "version", f"version {version}")
    least = ".".join(map(str, VERSION_MIN))
    return problem("redis", "version", f"version {version} is too old", f"Upgrade it to Redis {least} or later.")


def clock_check(*, here: float, there: float) -> Check:
    """This machine's clock beside the server's, both in epoch seconds."""
    apart_seconds = abs(here - there)
    text = f"the clocks of this machine and Redis are {duration(apart_seconds)} apart"
    if apart_seconds <= CLOCK_SECONDS_MAX:
        return ok("clocks", "machine", text)
    tell = problem if apart_seconds > CLOCK_SECONDS_BROKEN else warning
    return tell("clocks", "machine", text, "Have both machines set their clocks by NTP.")
