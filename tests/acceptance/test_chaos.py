"""Every fault once, in the middle of the work: nothing is paid for twice, no row is lost, and every upload ends.

`make chaos MINUTES=5` does the same for longer, with other faults at other moments each time.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.builders.chaos.run import strike_all
from tests.builders.chaos.strikes import STRIKES

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

#: Longest pause, in seconds, between two faults.
PAUSE_SECONDS_MAX = 0.5
#: What happens to the program's own processes; the rest happens to what they rely on.
TO_PROCESSES = tuple(fault for fault in STRIKES if fault.endswith(("killed", "frozen")) and "redis" not in fault)
SHARES = {
    "processes": (*TO_PROCESSES, "workers_killed_in_submit"),
    "surroundings": tuple(sorted(set(STRIKES) - {*TO_PROCESSES, "workers_killed_in_submit"})),
}


@pytest.mark.parametrize("share", SHARES)
def test_promises_hold_under_every_fault(tmp_path: Path, share: str) -> None:
    """Each fault of the share strikes an installation at work, which keeps every promise and recovers by itself."""
    seed = SystemRandom().randrange(2**32)
    report = strike_all(
        tmp_path,
        seed,
        lambda chance: iter(chance.sample(SHARES[share], len(SHARES[share]))),
        pause_seconds_max=PAUSE_SECONDS_MAX,
        say=print,
    )
    told = "\n".join(report.lines())
    assert {strike.fault for strike in report.strikes} == set(SHARES[share])
    assert report.findings.broken == [], told
