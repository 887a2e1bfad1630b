"""What a panel, a row of panels and a dashboard are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.alerting.rule import Alert, Dashboard

#: Columns of Grafana's grid: the width of a dashboard.
COLUMNS = 24
#: Heights of panels, in rows of Grafana's grid.
LOW, TALL = 4, 8


class Form(StrEnum):
    """How a panel shows its series, by Grafana's names."""

    STAT = "stat"
    SERIES = "timeseries"
    BARS = "bargauge"
    TABLE = "table"
    HEATMAP = "heatmap"


class Unit(StrEnum):
    """What values are measured in, by Grafana's names."""

    NUMBER = "short"
    SHARE = "percentunit"
    FACTOR = "none"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    PER_SECOND = "cps"
    PER_MINUTE = "cpm"
    TRUTH = "bool_yes_no"


class Colour(StrEnum):
    """How good a value is."""

    CALM = "blue"
    GOOD = "green"
    WARN = "orange"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Step:
    """From which value on a colour is shown."""

    above: float
    colour: Colour


#: Colours by value: any is as good as any other; none is to be there; one or more is what is wanted.
PLAIN = (Step(float("-inf"), Colour.CALM),)
NONE_WANTED = (Step(float("-inf"), Colour.GOOD), Step(1, Colour.BAD))
NONE_EXPECTED = (Step(float("-inf"), Colour.GOOD), Step(1, Colour.WARN))
ONE_WANTED = (Step(float("-inf"), Colour.BAD), Step(1, Colour.GOOD))


def limited(warn: float, bad: float) -> tuple[Step, ...]:
    """Colours of what is to stay small."""
    return (Step(float("-inf"), Colour.GOOD), Step(warn, Colour.WARN), Step(bad, Colour.BAD))


def wanted(least: float) -> tuple[Step, ...]:
    """Colours of what is to be at least so much."""
    return (Step(float("-inf"), Colour.BAD), Step(least, Colour.GOOD))


@dataclass(frozen=True, slots=True)
class Query:
    """One expression of a panel."""

    #: PromQL with the dashboards' variables and Grafana's `$__rate_interval` and `$__range`.
    expression: str
    #: The name of each of its series, with `{{label}}`; of a table's column.
    legend: str
    #: Of a table's column, where it differs from the panel's.
    unit: Unit | None = None
    steps: tuple[Step, ...] | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    #: What it shows, and what to think of it; a sentence or a few.
    description: str
    form: Form
    queries: tuple[Query, ...]
    unit: Unit = Unit.NUMBER
    #: In columns and rows of Grafana's grid.
    width: int = 12
    height: int = TALL
    steps: tuple[Step, ...] = PLAIN
    #: Whether the areas below lines are put on top of each other.
    stacked: bool = False
    #: What the panel says when it has no series, where that is as it should be; otherwise empty.
    blank: str = ""
    #: Of the alerts on what it shows: the panel leads to their places in the runbook.
    alerts: tuple[Alert, ...] = ()

    @property
    def instant(self) -> bool:
        """Whether it shows this moment only, not how it came to be."""
        return self.form in {Form.BARS, Form.TABLE}


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, laid out from left to right and top to bottom."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard."""

    uid: Dashboard
    title: str
    #: The question that it answers.
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of its panels."""
        return tuple(panel for row in self.rows for panel in row.panels)
