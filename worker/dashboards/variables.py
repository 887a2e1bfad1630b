"""The dashboards' variables: which Prometheus, and which installations, providers, accounts and kinds of lists."""

from __future__ import annotations

from typing import Any

from worker.dashboards.expressions import FILTERS
from worker.exporter.families import BUILD_INFO, UPLOADS

#: What is asked of each variable's label while all are chosen: also series that leave the label empty are counted.
ALL = ".*"


def variables() -> list[dict[str, Any]]:
    """What Grafana reads of them, each offering what there is under those before it."""
    datasource = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return [datasource, *(_variable(label, FILTERS[:position]) for position, label in enumerate(FILTERS))]


def _variable(label: str, before: tuple[str, ...]) -> dict[str, Any]:
    family = UPLOADS if before else BUILD_INFO
    chosen = ", ".join(f'{other}=~"${other}"' for other in before)
    query = f"label_values({family.full_name}{f'{{{chosen}}}' if chosen else ''}, {label})"
    return {
        "name": label,
        "label": label,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "definition": query,
        "query": {"query": query, "refId": f"values-of-{label}"},
        #: When the span of time changes, because a value may have gone with its object.
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ALL,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }
