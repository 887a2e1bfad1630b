"""The samples of one scrape, gathered by metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.metric_families import Family


class Page:
    """Collects samples; a metric without any is left out."""

    def __init__(self) -> None:
        self._metrics: dict[Family, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, family: Family, value: float, *labels: str) -> None:
        """One sample; `labels` are the values of the family's labels, in its order."""
        metric = self._metrics.get(family)
        if metric is None:
            shape = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
            metric = self._metrics[family] = shape(family.full_name, family.text, labels=family.labels)
        if len(labels) != len(family.labels):
            raise ValueError(f"{family.name} has the labels {family.labels}, but these values came: {labels}")
        metric.add_metric(labels, value)

    def metrics(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """What was gathered, in the order in which each metric was first added."""
        yield from self._metrics.values()
