"""Every fault once, in the middle of the work: nothing is paid for twice, no row is lost, and every upload ends.

`make chaos MINUTES=5` does the same for longer, with other faults at other moments each time.
"""

from __future__ import annotations

from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.builders.chaos.run import strike_all
from tests.builders.chaos.strikes import STRIKES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

#: Longest pause, in seconds, between two faults.
PAUSE_SECONDS_MAX = 0.5
#: What happens to the program's own processes, and what happens to all that they rely on. The first of each share comes
#: first, since parts that it has stopped wait the longest; the others come in any order.
SHARES = {
    "processes": (
        "workers_killed_in_submit",
        "worker_killed",
        "worker_frozen",
        "intake_killed",
        "poller_killed",
        "poller_frozen",
        "exporter_killed",
        "supervisor_killed",
    ),
    "surroundings": (
        "disk_full",
        "redis_frozen",
        "redis_killed",
        "redis_restored",
        "broker_flushed",
        "everything_flushed",
        "submit_answers_lost",
        "submits_not_performed",
        "reads_broken",
    ),
}


def shuffled(share: str, chance: Random) -> Iterator[str]:
    """The faults of a share, each once."""
    first, *others = SHARES[share]
    yield first
    yield from chance.sample(others, len(others))


def test_every_fault_has_its_share() -> None:
    """No fault that is told is left out."""
    assert {fault for share in SHARES.values() for fault in share} == set(STRIKES)


@pytest.mark.parametrize("share", SHARES)
def test_promises_hold_under_every_fault(tmp_path: Path, share: str) -> None:
    """Each fault of the share strikes an installation at work, which keeps every promise and recovers by itself."""
    seed = SystemRandom().randrange(2**32)
    report = strike_all(tmp_path, seed, partial(shuffled, share), pause_seconds_max=PAUSE_SECONDS_MAX, say=print)
    told = "\n".join(report.lines())
    assert {strike.fault for strike in report.strikes} == set(SHARES[share])
    assert report.findings.broken == [], told
