"""What a Prometheus answers to the panels of a dashboard."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tests.builders.dashboards.asked import asked, chosen, panels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds that an answer may take on a machine that does other things too.
ANSWER_SECONDS = 20.0
#: Points that a picture has room for.
POINTS = 240
#: Seconds over which rates are taken: some scrapes of a Prometheus that scrapes every second.
RATE_SECONDS = 8


@dataclass(frozen=True)
class Series:
    """One series, under the name that the panel gives it."""

    name: str
    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        """The last value that is a number; not a number if none is."""
        return next((value for value in reversed(self.values) if math.isfinite(value)), math.nan)

    @property
    def blank(self) -> bool:
        """Whether there is no number in it."""
        return math.isnan(self.last)


@dataclass(frozen=True)
class Span:
    """A Prometheus and the time that is looked at, in epoch seconds."""

    url: str
    since: float
    until: float

    def of(self, dashboard: Mapping[str, Any], target: Mapping[str, Any], *, at_end: bool = False) -> list[Series]:
        """The answer to one query of a panel: over the whole time, or at its end."""
        seconds = math.ceil(self.until - self.since)
        query = asked(
            target["expr"], chosen(dashboard), interval_seconds=min(RATE_SECONDS, seconds), range_seconds=seconds
        )
        when: dict[str, float] = (
            {"time": self.until}
            if at_end
            else {"start": self.since, "end": self.until, "step": max(1.0, round(seconds / POINTS))}
        )
        endpoint = "query" if at_end else "query_range"
        answer = requests.get(f"{self.url}/api/v1/{endpoint}", params={"query": query, **when}, timeout=ANSWER_SECONDS)
        assert answer.ok, (query, answer.text)
        return [_series(target["legendFormat"], found) for found in answer.json()["data"]["result"]]

    def blanks(self, dashboard: Mapping[str, Any]) -> Iterator[str]:
        """Which queries have no number at any moment, as `panel: query`."""
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if all(series.blank for series in self.of(dashboard, target)):
                    yield f"{panel['title']}: {target['expr']}"


def _series(legend: str, found: Mapping[str, Any]) -> Series:
    labels = {label: value for label, value in found["metric"].items() if label != "__name__"}
    name = legend
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    points = found["values"] if "values" in found else [found["value"]]
    # As Grafana does it: a label that a series does not have is nothing.
    name = re.sub(r"\{\{\w+\}\}", "", name)
    return Series(name.strip(), labels, tuple(float(t) for t, _ in points), tuple(float(v) for _, v in points))
