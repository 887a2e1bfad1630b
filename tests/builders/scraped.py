"""Pages of metrics as a running exporter serves them, parsed as Prometheus parses them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import requests
from prometheus_client.parser import text_string_to_metric_families as parse_text

from config.settings import Settings
from worker.metric_families import PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    from prometheus_client import Metric
    from prometheus_client.samples import Sample

    from worker.exporter.server import Exporter


class Scrape:
    """One page of metrics, parsed."""

    def __init__(self, families: dict[str, Metric]) -> None:
        """`families` by the name of the family."""
        self.families = families

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the sample with exactly these labels; `None` when there is none."""
        labels = {label.removesuffix("_"): text for label, text in labels.items() if text}
        found = [s.value for s in self.samples(name) if {k: v for k, v in s.labels.items() if v} == labels]
        assert len(found) <= 1, f"{name} has {labels} twice"
        return found[0] if found else None

    def samples(self, name: str) -> list[Sample]:
        """All samples of a name."""
        return [s for family in self.families.values() for s in family.samples if s.name == PREFIX + name]


def get(exporter: Exporter, path: str, **headers: str) -> requests.Response:
    """Ask the exporter."""
    host, port = exporter.address
    return requests.get(f"http://{host}:{port}{path}", headers=headers, timeout=30)


def scrape(exporter: Exporter) -> Scrape:
    """The page of metrics now, in the classic format."""
    answer = get(exporter, "/metrics")
    assert answer.status_code == HTTPStatus.OK
    families = list(parse_text(answer.text))
    assert len({family.name for family in families}) == len(families)
    return Scrape({family.name: family for family in families})


def exporter_settings(redis_url: str, broker_url: str, folder: Path) -> Settings:
    """Settings of an exporter on two databases, with any free port and the metrics of processes below `folder`."""
    metrics = folder / "metrics"
    metrics.mkdir()
    return Settings(home=folder, redis_url=redis_url, broker_url=broker_url, metrics_port=0, metrics_dir=metrics)
