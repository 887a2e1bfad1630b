"""What an alert and a recording rule are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Every alert's name begins with this.
PREFIX = "BulkVerify"


class Severity(StrEnum):
    """Whom an alert calls."""

    #: Somebody, now: the promise is broken or will be within hours.
    PAGE = "page"
    #: Somebody, on a working day.
    WARN = "warn"


class Dashboard(StrEnum):
    """Where to look first: the uid of a dashboard."""

    OVERVIEW = "bulkverify-overview"
    PIPELINE = "bulkverify-pipeline"
    PROVIDER = "bulkverify-provider"
    RECONCILIATION = "bulkverify-reconciliation"
    WORKERS = "bulkverify-workers"


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus computes and keeps, because alerts or dashboards ask for it often."""

    #: `level:metric:operation`, after Prometheus's own convention.
    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One way in which the promise can break, and how it is seen."""

    name: str
    severity: Severity
    dashboard: Dashboard
    #: When it fires, in words.
    meaning: str
    #: A PromQL expression; every series that it has is an alert.
    expression: str
    #: How long the expression must hold before anybody is called, as Prometheus writes durations.
    pending: str
    #: One line with what happened where; a Prometheus template.
    summary: str
    #: What it means and what is at stake, in a few sentences; a Prometheus template.
    description: str

    @property
    def anchor(self) -> str:
        """Its heading's anchor in the runbook."""
        return self.name.lower()
