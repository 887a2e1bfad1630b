"""The few shapes of PromQL that the alerts are made of.

Every expression aggregates by `job`, the installation, and over `instance`: where several machines run an exporter each
tells the same state, and counts its own processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

#: For how long the last value of a series counts when nothing is scraped: an exporter that is started anew neither ends
#: an alert nor makes one begin to wait again.
GAP = "5m"
#: The labels of what belongs to an account, besides the installation's.
ACCOUNT = ("provider", "account")


def worst(gauge: str, *labels: str) -> str:
    """The greatest value now, or within `GAP`, by installation and `labels`."""
    return greatest(f"last_over_time({gauge}[{GAP}])", *labels)


def least(gauge: str, *labels: str) -> str:
    """The least value now, or within `GAP`, by installation and `labels`."""
    return f"min by ({_joined(labels)}) (last_over_time({gauge}[{GAP}]))"


def greatest(series: str, *labels: str) -> str:
    """The greatest value of any expression, by installation and `labels`."""
    return f"max by ({_joined(labels)}) ({series})"


def total(series: str, *labels: str) -> str:
    """The sum of any expression, by installation and `labels`."""
    return f"sum by ({_joined(labels)}) ({series})"


def grown(counter: str, *labels: str, window: str = "1h") -> str:
    """By how much a counter is above its lowest value in the window, where it is.

    Unlike `increase` this is exact, sees the first event in the next scrape, and takes a counter that was set back to
    an earlier value (Redis restored from a backup) for no event. The counter has to be there before it counts: all that
    alerts ask for begin at zero.

    Known limitation: what is counted while nobody scrapes for longer than the window is not seen.
    """
    return f"{greatest(f'last_over_time({counter}[{GAP}]) - min_over_time({counter}[{window}])', *labels)} > 0"


def age(timestamp: str, *labels: str) -> str:
    """Seconds since the earliest of these times, by installation and `labels`."""
    return f"time() - {least(timestamp, *labels)}"


def among(words: Iterable[StrEnum]) -> str:
    """A label's values as a regular expression, sorted."""
    return "|".join(sorted(map(str, words)))


def _joined(labels: tuple[str, ...]) -> str:
    return ", ".join(("job", *labels))
