"""Dashboards as Grafana reads them: JSON of schema 39, which Grafana 10.3 and newer take."""

from __future__ import annotations

import json
import math
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

from worker.dashboards.panel import COLUMNS, Form, Unit
from worker.dashboards.variables import variables

if TYPE_CHECKING:
    from worker.alerting.files import Links
    from worker.alerting.rule import Alert
    from worker.dashboards.panel import Board, Panel, Query, Step

#: The version of the JSON's own schema.
SCHEMA = 39
#: What the dashboards have in common, so that each finds the others.
TAG = "bulkverify"
#: What is looked at first, and how often it is read anew.
SPAN, REFRESH = "now-6h", "30s"

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def document(board: Board, links: Links) -> str:
    """A dashboard's file."""
    content = {
        "uid": str(board.uid),
        "title": board.title,
        "description": board.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": REFRESH,
        "time": {"from": SPAN, "to": "now"},
        "timezone": "",
        "templating": {"list": variables()},
        "annotations": {"list": []},
        "links": _links(links),
        "panels": _placed(board, links),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _links(links: Links) -> list[dict[str, Any]]:
    others = {"type": "dashboards", "title": "bulkverify", "tags": [TAG], "asDropdown": False}
    runbook = {"type": "link", "title": "Runbook", "icon": "doc", "url": links.runbook, "targetBlank": True}
    return [others | {"keepTime": True, "includeVars": True}, runbook]


def _placed(board: Board, links: Links) -> list[dict[str, Any]]:
    """The rows and panels with their places."""
    placed: list[dict[str, Any]] = []
    # How far down each column is taken.
    taken = [0] * COLUMNS
    for row in board.rows:
        top = max(taken)
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        placed.append({"type": "row", "title": row.title, "collapsed": False, "gridPos": place, "panels": []})
        taken = [top + 1] * COLUMNS
        placed += [_panel(panel, links) | {"gridPos": _place(panel, taken)} for panel in row.panels]
    return [panel | {"id": number} for number, panel in enumerate(placed, start=1)]


def _place(panel: Panel, taken: list[int]) -> dict[str, int]:
    """The place of a panel, as far up as it fits, and then as far left; its columns are taken."""
    lefts = range(COLUMNS - panel.width + 1)
    left = min(lefts, key=lambda column: max(taken[column : column + panel.width]))
    columns = slice(left, left + panel.width)
    top = max(taken[columns])
    taken[columns] = [top + panel.height] * panel.width
    return {"x": left, "y": top, "w": panel.width, "h": panel.height}


def _panel(panel: Panel, links: Links) -> dict[str, Any]:
    return {
        "type": str(panel.form),
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "targets": [_target(panel, query, ascii_uppercase[i]) for i, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _OPTIONS[panel.form],
        "transformations": _transformations(panel),
        "links": [_link(alert, links) for alert in panel.alerts],
    }


def _link(alert: Alert, links: Links) -> dict[str, Any]:
    return {"title": f"What to do: {alert.name}", "url": links.of(alert)["runbook_url"], "targetBlank": True}


def _target(panel: Panel, query: Query, name: str) -> dict[str, Any]:
    shape = {Form.TABLE: "table", Form.HEATMAP: "heatmap"}.get(panel.form, "time_series")
    return {
        "refId": name,
        "datasource": _DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend,
        "format": shape,
        "instant": panel.instant,
        "range": not panel.instant,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    custom: dict[str, Any] = {}
    if panel.form is Form.SERIES:
        custom = {
            "lineWidth": 2,
            "fillOpacity": 20 if panel.stacked else 5,
            "showPoints": "auto",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
        }
    return (
        {
            "unit": str(panel.unit),
            "min": 0,
            "color": {"mode": "palette-classic" if panel.form is Form.SERIES else "thresholds"},
            "thresholds": _thresholds(panel.steps),
            "custom": custom,
        }
        | ({"noValue": panel.blank} if panel.blank else {})
        | ({"max": 1} if panel.unit is Unit.SHARE else {})
    )


def _thresholds(steps: tuple[Step, ...]) -> dict[str, Any]:
    return {
        "mode": "absolute",
        "steps": [
            {"color": str(step.colour), "value": None if math.isinf(step.above) else step.above} for step in steps
        ],
    }


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    """What is particular about columns of a table."""
    if panel.form is not Form.TABLE:
        return []
    overrides = []
    for query in panel.queries:
        properties: list[dict[str, Any]] = []
        if query.unit:
            properties.append({"id": "unit", "value": str(query.unit)})
        if query.steps:
            properties.append({"id": "thresholds", "value": _thresholds(query.steps)})
            properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        if properties:
            overrides.append({"matcher": {"id": "byName", "options": query.legend}, "properties": properties})
    return overrides


def _transformations(panel: Panel) -> list[dict[str, Any]]:
    """What makes one table of the answers to several queries."""
    if panel.form is not Form.TABLE:
        return []
    several = len(panel.queries) > 1
    names = {
        f"Value #{ascii_uppercase[i]}" if several else "Value": query.legend for i, query in enumerate(panel.queries)
    }
    organize = {"id": "organize", "options": {"renameByName": names, "excludeByName": {"Time": True}}}
    return [*([{"id": "merge", "options": {}}] if several else []), organize]


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[Form, dict[str, Any]] = {
    Form.STAT: {"reduceOptions": _LAST, "colorMode": "value", "graphMode": "area", "textMode": "auto"},
    Form.SERIES: {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Form.BARS: {"reduceOptions": _LAST, "displayMode": "gradient", "orientation": "horizontal", "showUnfilled": True},
    Form.TABLE: {"showHeader": True, "cellHeight": "sm"},
    Form.HEATMAP: {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 32},
        "cellGap": 1,
        "yAxis": {"unit": "s", "axisPlacement": "left"},
        "tooltip": {"show": True, "yHistogram": True},
    },
}
