"""The rules on a time scale on which a test can wait: every window and wait in seconds instead of minutes to days.

Nothing else is changed: the expressions, labels and texts are those that are checked in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds of each duration in the rules, as a window or as a wait. A rate needs two scrapes in its window.
SECONDS = {
    "0m": 0,
    "2m": 1,
    "5m": 3,
    "10m": 4,
    "15m": 5,
    "30m": 5,
    "1h": 6,
    "2h": 8,
    "6h": 10,
    "1d": 12,
    "3d": 14,
    "7d": 14,
}
#: Ages in the rules, and what stands in their place: seconds until something is stuck, and until a request waits for
#: long; the part of a provider's retention after which a result is at risk; the bound beyond which a result is late.
AGES = {
    "21600": "4",
    " > 600": " > 4",
    "> 0.5 * max": "> 0.000005 * max",
    'le="1200.0"': 'le="5.0"',
}
#: The same where nothing is to reach them: what a busy machine adds to a near miss does not make it a hit.
NEAR_AGES = AGES | {"21600": "20", " > 600": " > 20", "> 0.5 * max": "> 0.00004 * max"}
#: How many times as long the waits are there.
NEAR_WAITS = 3
_WINDOW = re.compile(r"(?<=\[)(\d+[mhd])(?=\])")
_WAIT = re.compile(r"(?<=\bfor: )(\d+[mhd])$", re.MULTILINE)


def shortened(rules: str, ages: Mapping[str, str] = AGES, waits: int = 1) -> str:
    """The text of a file of rules, in a hurry; without `ages` all that is old stays as old as it has to be."""
    hurried = _WINDOW.sub(lambda found: f"{SECONDS[found[0]]}s", rules)
    hurried = _WAIT.sub(lambda found: f"{SECONDS[found[0]] * waits}s", hurried)
    for age, seconds in ages.items():
        hurried = hurried.replace(age, seconds)
    return hurried
