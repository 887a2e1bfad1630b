"""Each difference that can be caused from outside, once: it is found, and comes to the end that the docs tell of.

`make drift MINUTES=10` does the same for longer, at other moments and in another order each time.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.builders.injection.causes import CAUSES, NOT_CAUSED
from tests.builders.injection.run import Pace, inject
from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

#: Fast, and nearly all at the same time.
PACE = Pace(active_max=12, pause_seconds_max=0.5)


def once(chance: Random) -> Iterator[str]:
    """Every cause, once."""
    yield from chance.sample([*CAUSES], len(CAUSES))


def test_every_difference_is_found_and_comes_to_its_end(tmp_path: Path) -> None:
    """Nothing is open at the end that is to end, each part is charged once, and no row is lost but by the provider."""
    report = inject(tmp_path, SystemRandom().randrange(2**32), once, pace=PACE, say=print)
    assert report.broken == [], "\n".join(report.lines())
    found = {drift for drift, figures in report.figures().items() if figures.found}
    assert found == set(DriftClass) - set(NOT_CAUSED), "\n".join(report.lines())
