"""What a Prometheus answers to the panels of a dashboard."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tests.builders.dashboards.asked import asked, chosen, panels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        step = max(1.0, round(seconds / POINTS))
        when = {"time": self.until} if at_end else {"start": self.since, "end": self.until, "step": step}
        parameters = {"query": query} | {name: str(value) for name, value in when.items()}
        endpoint = "query" if at_end else "query_range"
        answer = requests.get(f"{self.url}/api/v1/{endpoint}", params=parameters, timeout=ANSWER_SECONDS)
        assert answer.ok, (query, answer.text)
        found = answer.json()["data"]["result"]
        if at_end:
            return [_series(target["legendFormat"], each["metric"], [each["value"]]) for each in found]
        return [_series(target["legendFormat"], each["metric"], _whole(each["values"], step)) for each in found]

    def blanks(self, dashboard: Mapping[str, Any]) -> Iterator[str]:
        """Which queries have no number at any moment, as `panel: query`."""
        for panel in panels(dashboard):
            for target in panel["targets"]:
                if all(series.blank for series in self.of(dashboard, target)):
                    yield f"{panel['title']}: {target['expr']}"


def _series(legend: str, metric: Mapping[str, str], points: Sequence[tuple[float, str | float]]) -> Series:
    labels = {label: value for label, value in metric.items() if label != "__name__"}
    name = legend
    for label, value in labels.items():
        name = name.replace(f"{{{{{label}}}}}", value)
    # As Grafana does it: a label that a series does not have is nothing.
    name = re.sub(r"\{\{\w+\}\}", "", name).strip()
    return Series(name, labels, tuple(float(time) for time, _ in points), tuple(float(value) for _, value in points))


def _whole(points: Sequence[tuple[float, str]], step: float) -> list[tuple[float, str | float]]:
    """The points, and one that is not a number in each gap: Grafana draws no line over those."""
    whole: list[tuple[float, str | float]] = []
    for time, value in points:
        if whole and time - whole[-1][0] > 1.5 * step:
            whole.append((whole[-1][0] + step, math.nan))
        whole.append((time, value))
    return whole
