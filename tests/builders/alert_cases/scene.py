"""What Prometheus scrapes minute by minute, and when an alert is to fire: what promtool's tests are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.alerting.rule import Alert

#: What nobody scraped: the exporter did not answer, or the series is gone.
GONE = None
#: The account of all scenes.
MAIN = {"provider": "ipqs", "account": "main"}
#: What every series of one exporter has.
TARGET = {"job": "bulkverify", "instance": "localhost:9464"}

#: The value of a series for a number of minutes; with three, it begins there and grows each minute.
Span = tuple[float | None, int] | tuple[float, int, float]
#: Minutes since the beginning of a scene.
Minutes = tuple[int, ...]


class Kind(StrEnum):
    """What a scene shows of an alert. Every alert has at least one of each."""

    FIRES = "fires"
    NEAR_MISS = "near miss"
    CLEARS = "clears"
    #: The exporter, or all processes, are started anew: no alert ends, begins or waits longer because of it.
    RESTART = "restart"
    #: What it looks at is not there any more.
    ABSENT = "absent"


@dataclass(frozen=True)
class Scene:
    """Series, and the minutes in which the alert fires and in which it does not."""

    alert: Alert
    kind: Kind
    series: Mapping[str, str]
    fires: Minutes = ()
    silent: Minutes = ()
    #: Labels of the alert, besides its name, severity and job.
    labels: Mapping[str, str] | None = None
    #: What stands for the value in the annotations; given where they are compared.
    value: str | None = None

    @property
    def name(self) -> str:
        """By which it is found."""
        return f"{self.alert.name}: {self.kind}"

    def as_test(self) -> dict[str, Any]:
        """The scene as a test of promtool."""
        name = self.alert.name
        labels = {
            "job": "bulkverify",
            **(MAIN if self.labels is None else self.labels),
            "severity": self.alert.severity,
        }
        compared = self.fires if self.value is not None else ()
        told = [{"exp_labels": labels, "exp_annotations": self._annotations(labels)} for _ in compared[:1]]
        firing = promtool_series("ALERTS", alertname=name, alertstate="firing")
        sample = promtool_series("ALERTS", alertname=name, alertstate="firing", **labels)
        return {
            "name": self.name,
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in self.series.items()],
            "alert_rule_test": [
                *({"eval_time": f"{minute}m", "alertname": name, "exp_alerts": told} for minute in compared),
                *({"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []} for minute in self.silent),
            ],
            "promql_expr_test": [
                {"eval_time": f"{minute}m", "expr": firing, "exp_samples": [{"labels": sample, "value": 1}]}
                for minute in self.fires
            ],
        }

    def _annotations(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The texts with this scene's labels and value in them, by another way than Prometheus's templates."""

        def filled(found: re.Match[str]) -> str:
            return labels[found["label"]] if found["label"] else str(self.value)

        placed = re.compile(r"\{\{ \$(?:labels\.(?P<label>\w+)|value(?: \| \w+)?) \}\}")
        texts = {"summary": self.alert.summary, "description": self.alert.description}
        return {name: placed.sub(filled, text) for name, text in texts.items()} | {
            "runbook_url": f"https://bulkverify.example.com/docs/runbook.md#{self.alert.name.lower()}",
            "dashboard_url": f"https://grafana.example.com/d/{self.alert.dashboard}",
        }


def promtool_series(name: str, **labels: str) -> str:
    """A series as promtool writes it."""
    matched = ", ".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{matched}}}"


def scraped(name: str, **labels: str) -> str:
    """A series of our exporter, without the prefix in its `name`."""
    return promtool_series(f"bulkverify_{name}", **labels, **TARGET)


def lasting(*spans: Span) -> str:
    """The values of a series from minute 0 on, as promtool writes them."""
    return " ".join(text for span in spans for text in _span(*span))


def _span(value: float | None, minutes: int, step: float = 0) -> list[str]:
    if value is None:
        return ["stale", *["_"] * (minutes - 1)]
    return [f"{value + step * minute:g}" for minute in range(minutes)]
