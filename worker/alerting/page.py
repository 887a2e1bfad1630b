"""The page on alerts, made from their tables: `python -m worker.alerting.page > docs/alerts.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from worker.alerting.files import ALERTS
from worker.alerting.recordings import RECORDINGS
from worker.alerting.rule import Severity

if TYPE_CHECKING:
    from worker.alerting.rule import Alert

_HEAD = """\
# Alerts

[config/prometheus](../config/prometheus) has rules for Prometheus 2.42 or newer, and examples of its configuration and
of Alertmanager's. How to use them is told [there](../config/prometheus/README.md), and what to do about each alert in
the [runbook](runbook.md).

- **page** calls somebody now: the promise is broken, or will be within hours. **warn** is for a working day.
- Counters of money, rows and outcomes are kept in Redis and begin at zero, so that the first bad event is an alert, and
  an exporter or worker that is started anew is none. For 5 minutes without a scrape an alert stays what it was.
- An alert on something that has happened, and does not last, ends by itself an hour later (unknown words: 15 minutes).

This page is made by `python -m worker.alerting.page`; a test compares the two.
"""
_TABLE = "| alert | waits | when it fires |\n|---|---|---|\n"
_RECORDED = """
## Recorded series

What alerts and dashboards ask for often, by installation (`job`), provider and account.

| series | expression |
|---|---|
"""


def markdown() -> str:
    """The whole page."""
    sections = "".join(
        f"\n## {severity}\n\n{_TABLE}{''.join(_row(alert) for alert in ALERTS if alert.severity is severity)}"
        for severity in Severity
    )
    recorded = "".join(f"| `{rule.name}` | `{_one_line(rule.expression)}` |\n" for rule in RECORDINGS)
    return f"{_HEAD}{sections}{_RECORDED}{recorded}"


def _row(alert: Alert) -> str:
    return f"| [`{alert.name}`](runbook.md#{alert.anchor}) | {alert.pending} | {alert.meaning} |\n"


def _one_line(expression: str) -> str:
    return " ".join(expression.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
