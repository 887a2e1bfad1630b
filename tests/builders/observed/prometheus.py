"""A real Prometheus that scrapes one exporter every second, with the rules in a hurry."""

from __future__ import annotations

import json
import re
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import requests

from tests.builders.deadline import wait_until
from tests.builders.observed.shortened import AGES, shortened
from tests.builders.server_process import free_port
from worker.alerting.files import ALERTS_FILE, RECORDING_FILE, Links, alert_rules, recording_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: Seconds that the server gets to start and to end, and an alert to fire or to clear, on a machine that does other
#: things too.
START_SECONDS = 30.0
STOP_SECONDS = 20.0
ALERT_SECONDS = 60.0
#: Evaluations after which every alert whose cause is there fires, the longest wait among them included.
EVALUATIONS = 8
#: Seconds that an answer may take.
ANSWER_SECONDS = 5.0


class Prometheus:
    """One server on loopback, its data in a folder of its own. Use it as a context manager."""

    def __init__(self, folder: Path, exporter_port: int, ages: Mapping[str, str] = AGES, waits: int = 1) -> None:
        """`exporter_port`: of this machine; nobody needs to listen there yet. The others are `shortened`'s."""
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._quiet_at = time.monotonic()
        folder.mkdir(parents=True)
        rules = {RECORDING_FILE: recording_rules(), ALERTS_FILE: alert_rules(Links())}
        for name, text in rules.items():
            (folder / name).write_text(shortened(text, ages, waits))
        pace = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        targets = [{"targets": [f"127.0.0.1:{exporter_port}"]}]
        scrapes = [{"job_name": "bulkverify", "static_configs": targets}]
        configuration = {"global": pace, "rule_files": list(rules), "scrape_configs": scrapes}
        (folder / "prometheus.yml").write_text(json.dumps(configuration))

    def __enter__(self) -> Self:
        """Start it; returns when it answers."""
        command = [
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
            "--log.level=warn",
        ]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._ready, seconds=START_SECONDS, what="an answer of Prometheus")
        except BaseException:  # also Ctrl-C: without an answer nobody else ends it
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._url

    def values(self, expression: str) -> list[float]:
        """The values of an expression now."""
        answer = self._ask("query", query=expression)
        return [float(sample["value"][1]) for sample in answer["result"]]

    def targets(self) -> list[dict[str, Any]]:
        """What is scraped, and whether it answers."""
        targets: list[dict[str, Any]] = self._ask("targets")["activeTargets"]
        return targets

    def firing(self) -> list[dict[str, str]]:
        """The labels of every alert that fires now."""
        return [alert["labels"] for alert in self._ask("alerts")["alerts"] if alert["state"] == "firing"]

    def names_firing(self, **labels: str) -> set[str]:
        """The names of the alerts that fire now and have these labels."""
        return {alert["alertname"] for alert in self.firing() if labels.items() <= alert.items()}

    def names_fired(self, **labels: str) -> set[str]:
        """The names of the alerts that fire, or have fired since `nobody_was_called`, and have these labels."""
        window = max(int(time.monotonic() - self._quiet_at), 1)
        answer = self._ask("query", query=f'last_over_time(ALERTS{{alertstate="firing"}}[{window}s])')
        return {s["metric"]["alertname"] for s in answer["result"] if labels.items() <= s["metric"].items()}

    def nobody_was_called(self) -> None:
        """Return when the rules were evaluated often enough and no alert fires; fail if any does."""
        # Before its first scrape Prometheus knows no exporter.
        self.wait_for_the_end_of("BulkVerifyExporterAbsent")
        self.wait_for_evaluations()
        assert self.firing() == []
        self._quiet_at = time.monotonic()

    def wait_for_evaluations(self, number: int = EVALUATIONS) -> None:
        """Return when the rules have been evaluated so many times more: by default, what is to fire by now does."""
        done = self._evaluations()
        wait_until(lambda: self._evaluations() >= done + number, seconds=ALERT_SECONDS, what="evaluations of the rules")

    def wait_for(self, *names: str, **labels: str) -> None:
        """Return when all of these alerts fire, or have fired since `nobody_was_called`, with these labels."""
        self._wait(lambda: set(names) <= self.names_fired(**labels), f"{', '.join(names)} {labels} firing")

    def wait_for_the_end_of(self, *names: str, **labels: str) -> None:
        """Return when none of these alerts fires any more, with these labels."""
        self._wait(lambda: not set(names) & self.names_firing(**labels), f"the end of {', '.join(names)} {labels}")

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        try:
            wait_until(holds, seconds=ALERT_SECONDS, what=what)
        except AssertionError as late:
            raise AssertionError(f"{late}; what fires: {self.firing()}") from None

    def _evaluations(self) -> float:
        """How often the group of rules that was evaluated least has been."""
        page = requests.get(f"{self._url}/metrics", timeout=ANSWER_SECONDS).text
        return min(
            float(number) for number in re.findall(r"(?m)^prometheus_rule_group_iterations_total\S* (\S+)$", page)
        )

    def _ready(self) -> bool:
        try:
            return requests.get(f"{self._url}/-/ready", timeout=ANSWER_SECONDS).ok
        except requests.ConnectionError:
            return False

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self._url}/api/v1/{what}", params=parameters, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        return answer.json()["data"]
