"""Writes the rules as Prometheus reads them: `python -m worker.alerting.files`, into `config/prometheus`.

Without options it makes the files that are checked in, which a test compares with the tables. An installation makes its
own, with the addresses of its runbook and its Grafana: `--runbook`, `--dashboards`, `--folder`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

from worker.alerting import money, provider, reconciling, results, running
from worker.alerting.recordings import RECORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from worker.alerting.rule import Alert, Recording

#: The alerts by group: those of a group are evaluated together.
GROUPS: Mapping[str, tuple[Alert, ...]] = {
    f"bulkverify-{module.__name__.rpartition('.')[2]}": module.ALERTS
    for module in (results, money, provider, reconciling, running)
}
#: Every alert.
ALERTS = tuple(alert for group in GROUPS.values() for alert in group)

FOLDER = Path("config/prometheus")
RECORDING_FILE = "recording.rules.yml"
ALERTS_FILE = "alerts.rules.yml"
_MADE = "# Made by `python -m worker.alerting.files`; a test compares it with the tables there.\n"


@dataclass(frozen=True, slots=True)
class Links:
    """Where people are sent."""

    #: The page with a heading for each alert.
    runbook: str = "https://bulkverify.example.com/docs/runbook.md"
    #: The Grafana that has the dashboards.
    dashboards: str = "https://grafana.example.com"

    def of(self, alert: Alert) -> dict[str, str]:
        """The annotations that lead on from an alert."""
        return {
            "runbook_url": f"{self.runbook}#{alert.anchor}",
            "dashboard_url": f"{self.dashboards}/d/{alert.dashboard}",
        }


def recording_rules(recordings: Iterable[Recording] = RECORDINGS) -> str:
    """The file of recording rules."""
    rules = "".join(f"      - record: {rule.name}\n{_expression(rule.expression)}" for rule in recordings)
    return f"{_MADE}groups:\n  - name: bulkverify-recordings\n    rules:\n{rules}"


def alert_rules(links: Links, groups: Mapping[str, Iterable[Alert]] = GROUPS) -> str:
    """The file of alerts."""
    return f"{_MADE}groups:\n" + "".join(
        f"  - name: {name}\n    rules:\n{''.join(_alert(alert, links) for alert in alerts)}"
        for name, alerts in groups.items()
    )


def _alert(alert: Alert, links: Links) -> str:
    texts = {"summary": alert.summary, "description": alert.description} | links.of(alert)
    annotations = "".join(f"          {name}: {json.dumps(text)}\n" for name, text in texts.items())
    return (
        f"      - alert: {alert.name}\n{_expression(alert.expression)}        for: {alert.pending}\n"
        f"        labels:\n          severity: {alert.severity}\n        annotations:\n{annotations}"
    )


def _expression(expression: str) -> str:
    return f"        expr: |-\n{indent(expression, ' ' * 10)}\n"


def write(folder: Path, links: Links) -> None:
    """Write both files."""
    (folder / RECORDING_FILE).write_text(recording_rules(), encoding="utf-8")
    (folder / ALERTS_FILE).write_text(alert_rules(links), encoding="utf-8")


def main() -> None:
    """Write both files as the command line asks."""
    parser = argparse.ArgumentParser(description="Writes the rules as Prometheus reads them.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--runbook", default=Links().runbook, metavar="URL")
    parser.add_argument("--dashboards", default=Links().dashboards, metavar="URL")
    chosen = parser.parse_args()
    write(chosen.folder, Links(chosen.runbook, chosen.dashboards))


if __name__ == "__main__":
    main()
