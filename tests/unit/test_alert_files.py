"""The files in `config/prometheus`: made from the tables, accepted by the tools, about what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from worker.alerting.files import (
    ALERTS,
    ALERTS_FILE,
    RECORDING_FILE,
    Links,
    alert_rules,
    recording_rules,
    write,
)
from worker.alerting.page import markdown
from worker.alerting.recordings import RECORDINGS
from worker.alerting.rule import PREFIX, Severity
from worker.core.drift.classes import DriftClass
from worker.core.drift.classes import Severity as DriftSeverity
from worker.core.drift.rules import RULES
from worker.exporter.families import STATE_FAMILIES
from worker.metric_families import PROCESS_FAMILIES

if TYPE_CHECKING:
    from worker.alerting.rule import Alert, Recording

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "prometheus"
FAMILIES = {family.full_name: family for family in (*STATE_FAMILIES, *PROCESS_FAMILIES)}
#: Who gets what, by severity, in the example.
RECEIVERS = {Severity.PAGE: "on-call", Severity.WARN: "team"}
#: A series in an expression, and what is asked of its labels.
SERIES = re.compile(r"(?<![\w:])(bulkverify_\w+)(?:\{([^}]*)\})?")
#: Seconds that a tool gets.
TOOL_SECONDS = 30


def tool(*command: str | Path) -> str:
    """What a command says, on standard output, that has to succeed; a test without the tool is skipped."""
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"{command[0]} is not installed (Debian: apt-get install prometheus prometheus-alertmanager)")
    done = subprocess.run(
        [*map(str, command)], cwd=FOLDER, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("path", "made"),
    [
        (FOLDER / RECORDING_FILE, recording_rules()),
        (FOLDER / ALERTS_FILE, alert_rules(Links())),
        (ROOT / "docs" / "alerts.md", markdown()),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_the_files_are_generated(path: Path, made: str) -> None:
    """Both files of rules and the page on alerts are what their modules make of the tables."""
    written = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert "".join(unified_diff(written, made.splitlines(keepends=True))) == ""


def test_prometheus_takes_the_rules_and_the_example() -> None:
    """Promtool finds no fault with the rules, and none with the example, which loads both."""
    told = tool("promtool", "check", "config", "prometheus.example.yml")
    assert (f"{len(ALERTS)} rules found" in told, f"{len(RECORDINGS)} rules found" in told) == (True, True)


def test_alertmanager_takes_the_example() -> None:
    """Amtool finds no fault with it."""
    assert "2 receivers" in tool("amtool", "check-config", "alertmanager.example.yml")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_reaches_who_it_is_for(alert: Alert) -> None:
    """With the example a page goes to whoever is on call, and a warning to the team."""
    labels = (f"alertname={alert.name}", f"severity={alert.severity}")
    routed = tool("amtool", "config", "routes", "test", "--config.file=alertmanager.example.yml", *labels)
    assert routed.strip() == RECEIVERS[alert.severity]


def test_the_example_silences_only_alerts_that_there_are() -> None:
    """Every name in the rules that keep an alert back is an alert's."""
    example = (FOLDER / "alertmanager.example.yml").read_text()
    alternatives = re.findall(rf'"{PREFIX}\(?([\w|]+)\)?"', example)
    named = {f"{PREFIX}{name}" for group in alternatives for name in group.split("|")}
    assert len(named) > 5
    assert named <= {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_complete(alert: Alert) -> None:
    """Name, severity, words that end like sentences, a link to its place in the runbook and one to a dashboard."""
    assert re.fullmatch(rf"{PREFIX}[A-Z][A-Za-z]+", alert.name)
    assert all(text.endswith((".", "?")) for text in (alert.meaning, alert.summary, alert.description))
    links = Links("https://wiki/runbook", "https://grafana").of(alert)
    assert links["runbook_url"] == f"https://wiki/runbook#{alert.name.lower()}"
    assert links["dashboard_url"].startswith("https://grafana/d/bulkverify-")
    assert sum(other.name == alert.name for other in ALERTS) == 1


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDINGS], ids=lambda rule: rule.name)
def test_a_rule_asks_for_what_there_is(rule: Alert | Recording) -> None:
    """Every metric in an expression is documented, has the labels that are asked for, and is kept apart by job."""
    for name, matchers in SERIES.findall(rule.expression):
        family = FAMILIES[re.sub(r"_(bucket|count|sum)\Z", "", name) if name not in FAMILIES else name]
        assert set(re.findall(r'(\w+)(?:=~|!~|!=|=)"', matchers)) <= {*family.labels, "le"}
    known = {"job", "instance", "le", "record"}.union(*(family.labels for family in FAMILIES.values()))
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule.expression):
        assert labels.startswith("job")
        assert set(labels.split(", ")) <= known
    asked = set(re.findall(r"account:\w+:\w+", rule.expression))
    assert asked <= {recording.name for recording in RECORDINGS}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda rule: rule.name)
def test_every_recorded_series_is_asked_for(recording: Recording) -> None:
    """Nothing is computed that no alert uses."""
    assert any(recording.name in alert.expression for alert in ALERTS)


@pytest.mark.parametrize("found", [found for found in DriftClass if RULES[found].severity is not DriftSeverity.INFO])
def test_every_class_of_drift_that_matters_calls_somebody(found: DriftClass) -> None:
    """A class of severity page or warn is in exactly one alert, of that severity or a higher one."""
    named = [alert for alert in ALERTS if re.search(rf'class=~?"(?:\w+\|)*{found}(?:\|\w+)*"', alert.expression)]
    assert len(named) == 1
    assert RULES[found].severity is not DriftSeverity.PAGE or named[0].severity is Severity.PAGE


def test_an_installation_can_have_links_of_its_own(tmp_path: Path) -> None:
    """Written with other addresses, the rules lead there, and nowhere else."""
    write(tmp_path, Links("https://wiki.internal/runbook", "https://grafana.internal"))
    made = (tmp_path / ALERTS_FILE).read_text()
    assert "example.com" not in made
    assert made.count("https://wiki.internal/runbook#bulkverify") == len(ALERTS)
