"""The page on dashboards, made from their tables: `python -m worker.dashboards.page > docs/dashboards.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from worker.dashboards.files import BOARDS

if TYPE_CHECKING:
    from worker.dashboards.panel import Board, Panel

_HEAD = """\
# Dashboards

[config/grafana](../config/grafana) has five dashboards for Grafana 10.3 or newer; import them, or put them into a
folder that Grafana provisions. They ask a Prometheus that scrapes the exporters and has the recording rules of
[config/prometheus](../config/prometheus). Each can be narrowed to installations (`job`), providers, accounts and kinds
of lists, leads to the others with the same choice, and from a panel to what the runbook says about its alerts.

`make observability` shows them on this machine without Grafana: the demo under a real Prometheus, an alert that fires
and ends, and a picture of each dashboard in `build/dashboards`. The pictures below are drawn the same way, from the
same files.

This page is made by `python -m worker.dashboards.page`; a test compares the two.
"""
_TABLE = "| panel | what it shows |\n|---|---|\n"


def markdown() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_section, BOARDS))


def _section(board: Board) -> str:
    rows = "".join(f"\n### {row.title}\n\n{_TABLE}{''.join(map(_line, row.panels))}" for row in board.rows)
    name = board.title.partition(": ")[2]
    heading = f"{name[0].upper()}{name[1:]}"
    return f"\n## {heading}\n\n{board.description}\n\n![{heading}](dashboards/{board.uid}.png)\n{rows}"


def _line(panel: Panel) -> str:
    alerts = "".join(f" ({', '.join(f'`{alert.name}`' for alert in panel.alerts)})" for _ in panel.alerts[:1])
    return f"| {panel.title} | {panel.description}{alerts} |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
