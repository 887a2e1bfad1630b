"""Checks of the processes: which of them were heard lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.cli.health.check import ok, problem
from worker.cli.wording import duration
from worker.store.pulse import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading

AREA = "processes"


def process_checks(reading: Reading) -> Iterator[Check]:
    """One check for each role."""
    for role in Role:
        alive = reading.figures.alive[role]
        if alive.processes:
            yield ok(
                AREA, role, f"{role}: {alive.processes:,} heard within {reading.settings.heartbeat_timeout_seconds:g} s"
            )
            continue
        last = f"the last one {duration(reading.now - alive.last_at)} ago" if alive.last_at else "and none ever was"
        # A timekeeper is a thread of every worker and poller.
        process = Role.WORKER if role is Role.TIMEKEEPER else role
        remedy = f"Start it: `bulkverify up` runs everything, `bulkverify run {process}` this alone."
        yield problem(AREA, role, f"no {role} is heard, {last}: its part of the work stands still", remedy)
