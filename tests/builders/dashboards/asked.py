"""Dashboards as they are checked in, and what Grafana would ask Prometheus for their panels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.dashboards.files import FOLDER
from worker.dashboards.variables import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where the dashboards are.
DASHBOARDS = Path(__file__).parents[3] / FOLDER


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]
    return {dashboard["uid"]: dashboard for dashboard in files}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Its panels that ask for something, all but the headings of rows."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def chosen(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """What Grafana puts in the place of each variable while everything is chosen."""
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    return dict.fromkeys((name for name in names if name != "datasource"), ALL)


def asked(expression: str, choice: Mapping[str, str], *, interval_seconds: int, range_seconds: int) -> str:
    """An expression with values in place of the dashboard's variables and of Grafana's own."""
    own = {"__rate_interval": f"{interval_seconds}s", "__range": f"{range_seconds}s"}
    # Longer names first: one may begin with another.
    for name, value in sorted({**choice, **own}.items(), reverse=True):
        expression = expression.replace(f"${name}", value)
    return expression
