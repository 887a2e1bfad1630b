"""The whole examination: every area in turn, and where one cannot be looked at, that is told and the others go on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config.errors import ConfigError
from worker.cli.doctor.configuration import configuration_checks, provider_clock_checks
from worker.cli.doctor.exporter import exporter_checks
from worker.cli.doctor.records import record_checks
from worker.cli.doctor.server import version_and_clock_checks
from worker.cli.doctor.storage import attempt_checks, result_checks, storage_checks
from worker.cli.failures import failure_of
from worker.cli.health.check import ok, problem, unknown
from worker.cli.health.checks import checks_of
from worker.cli.health.reading import Reader
from worker.cli.outlook import accounts_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from config.settings import Settings
    from worker.cli.door import Door
    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading

#: What depends on Redis, and is not looked at without it.
NEEDS_REDIS = ("processes", "accounts", "work", "drift", "records")


@dataclass(frozen=True, slots=True)
class Asked:
    """How far to look."""

    #: Records that are looked at one by one.
    records: int
    #: Whether providers may be called.
    providers: bool


def examine(door: Door, asked: Asked) -> Iterator[Check]:
    """Every check. Nothing is spent; what is written is a probe object in storage, which is deleted."""
    yield from configuration_checks(os.environ, providers=asked.providers)
    try:
        settings = door.settings()
    except ConfigError:
        text = "nothing else was looked at: the settings come first"
        yield unknown("configuration", "not_checked", text, "Mend them, and ask again.")
        return
    yield from _redis(door, settings, asked)
    yield from _guarded("storage", lambda: storage_checks(door.storage(), settings.home))
    yield from exporter_checks(settings)


def _redis(door: Door, settings: Settings, asked: Asked) -> Iterator[Check]:
    """Everything that is read from Redis: one answer of it decides whether there is any."""
    try:
        reading = _reading(door, settings)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        start = "Start it, or set BULKVERIFY_REDIS_URL; `bulkverify up` runs a private one."
        yield problem("redis", "reachable", f"Redis cannot be used: {failure.message}", start)
        for area in NEEDS_REDIS:
            yield unknown(area, "not_checked", "not looked at: Redis comes first", "Ask again once it answers.")
        return
    yield ok("redis", "reachable", "the server of the records answers")
    yield from _guarded("redis", lambda: version_and_clock_checks(door.store()))
    yield from checks_of(reading)
    known = [account.name for account in reading.figures.accounts]
    yield from _guarded("records", lambda: record_checks(door.store(), known, asked.records))
    yield from _guarded("storage", lambda: attempt_checks(door.store(), door.storage(), known))
    yield from _guarded("storage", lambda: result_checks(door.store(), door.storage()))
    if asked.providers:
        yield from _guarded("clocks", lambda: provider_clock_checks(settings, reading.accounts, door.store()))


def _reading(door: Door, settings: Settings) -> Reading:
    return Reader(settings, accounts_here(settings), door.store(), door.queues()).read()


def _guarded(area: str, checks: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks, or that they could not be made, for a reason that is expected of the packages they use."""
    try:
        yield from checks()
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        yield unknown(area, "not_checked", f"could not be looked at: {failure.message}", "Mend that, and ask again.")
