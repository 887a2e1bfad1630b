"""Scenes of the alerts on what everything runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, MAIN, TARGET, Kind, Scene, lasting, promtool_series, scraped
from tests.builders.alert_cases.shapes import counter, gauge
from worker.alerting import running

if TYPE_CHECKING:
    from collections.abc import Iterator

_UP = promtool_series("up", **TARGET)
_AT = {"instance": TARGET["instance"]}


def _exporter_absent() -> Iterator[Scene]:
    alert = running.EXPORTER_ABSENT
    yield Scene(alert, Kind.FIRES, {_UP: lasting((1, 5), (0, 20))}, (16, 20), (13,), _AT, "")
    yield Scene(alert, Kind.NEAR_MISS, {_UP: lasting((1, 5), (0, 9), (1, 30))}, (), (10, 14, 15, 30), _AT)
    yield Scene(alert, Kind.CLEARS, {_UP: lasting((0, 20), (1, 10))}, (15,), (21, 25), _AT)
    yield Scene(alert, Kind.RESTART, {_UP: lasting((1, 5), (0, 3), (1, 30))}, (), (6, 9, 20), _AT)
    yield Scene(alert, Kind.ABSENT, {_UP: lasting((1, 5), (GONE, 30))}, (16, 30), (4, 13), {})
    yield Scene(alert, Kind.ABSENT, {promtool_series("other"): lasting((1, 30))}, (11, 25), (8,), {})


def _redis_unsafe() -> Iterator[Scene]:
    alert = running.REDIS_UNSAFE
    for name, cause in (
        ("redis_append_only", "no append-only file"),
        ("redis_disk_writes_ok", "writes do not reach the disk"),
        ("redis_noeviction", "maxmemory-policy"),
    ):
        yield from gauge(alert, scraped(name), loud=0, quiet=1, value="0", labels={"cause": cause})
    yield from counter(alert, scraped("redis_evicted_keys_total"), labels={"cause": "evicted keys"}, resets=True)
    limit = {scraped("redis_memory_limit_bytes"): 1_000.0}
    yield from gauge(
        *(alert, scraped("redis_memory_bytes")),
        loud=950,
        quiet=500,
        near=900,
        value="0.95",
        labels={"cause": "memory"},
        beside=limit,
    )
    unlimited = {
        scraped("redis_memory_bytes"): lasting((950, 30)),
        scraped("redis_memory_limit_bytes"): lasting((0, 30)),
    }
    yield Scene(alert, Kind.NEAR_MISS, unlimited, (), (10, 29))


def scenes() -> Iterator[Scene]:
    """All scenes of the group."""
    yield from _exporter_absent()
    yield from counter(
        *(running.EXPORTER_ERRORS, scraped("state_exporter_errors_total", source="processes")),
        labels={"source": "processes"},
        window=15,
        resets=True,
    )
    for process in ("intake", "worker", "poller"):
        absent = scraped("processes", process=process)
        yield from gauge(running.WORKER_ABSENT, absent, loud=0, quiet=2, near=1, value="0", labels={"process": process})
    timekeepers = scraped("processes", process="timekeeper")
    yield from gauge(running.TIMEKEEPER_ABSENT, timekeepers, loud=0, quiet=2, near=1, value="0", labels={})
    yield from gauge(
        *(running.REDIS_DOWN, scraped("redis_up", database="state")),
        loud=0,
        quiet=1,
        value="0",
        labels={"database": "state", **_AT},
    )
    yield from _redis_unsafe()
    overdue = scraped("timers_overdue", lane="poll", **MAIN)
    yield from gauge(running.TIMERS_OVERDUE, overdue, loud=4, quiet=0, value="4", labels={"lane": "poll", **MAIN})
    dead = scraped("queue_messages", queue="submit", box="dead")
    yield from counter(running.DEAD_LETTERS, dead, labels={"queue": "submit"}, resets=False)
    redacted = scraped("redactions_total", sink="log")
    yield from counter(running.SECRET_STOPPED, redacted, labels={"sink": "log"}, resets=True)


SCENES = tuple(scenes())
