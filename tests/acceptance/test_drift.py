"""Some of the differences that can be caused from outside: each is found, and comes to the end that the docs tell of.

`make drift MINUTES=10` causes all of them for longer, again and again, in another order each time.
"""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING

import pytest

from tests.builders.injection.causes import CAUSES
from tests.builders.injection.run import Pace, inject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

#: Causes of one run: so many that it takes less than a minute on two processors.
CAUSES_PER_RUN = 7
#: Fast, and nearly all at the same time.
PACE = Pace(active_max=CAUSES_PER_RUN, pause_seconds_max=0.5)


def some(chance: Random) -> Iterator[str]:
    """Some causes, each once."""
    yield from chance.sample([*CAUSES], CAUSES_PER_RUN)


def test_every_difference_is_found_and_comes_to_its_end(tmp_path: Path) -> None:
    """Nothing is open at the end that is to end, each part is charged once, and no row is lost but by the provider."""
    report = inject(tmp_path, SystemRandom().randrange(2**32), some, pace=PACE, say=print)
    assert report.broken == [], "\n".join(report.lines())
    # A few causes make nothing differ, or nothing that the sweep is not too late for.
    assert len(report.cases) > CAUSES_PER_RUN // 2, "\n".join(report.lines())
