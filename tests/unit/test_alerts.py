"""The alerts, as promtool evaluates the files that are checked in: when each fires, and when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.alert_cases import money, provider, reconciling, results, running
from tests.builders.alert_cases.scene import TARGET, Kind, Scene, lasting, promtool_series
from tests.builders.promtool import needs_promtool, promtool_tests
from worker.alerting.files import ALERTS, ALERTS_FILE, RECORDING_FILE, Links, alert_rules, recording_rules
from worker.alerting.recordings import RECORDINGS

if TYPE_CHECKING:
    from worker.alerting.rule import Alert

FOLDER = Path(__file__).parents[2] / "config" / "prometheus"
SCENES = [scene for module in (results, money, provider, reconciling, running) for scene in module.SCENES]
#: The rules as they are checked in, by file.
CHECKED_IN = {name: (FOLDER / name).read_text() for name in (RECORDING_FILE, ALERTS_FILE)}


def rules_of(alert: Alert) -> dict[str, str]:
    """The files with this alert and what it asks for, which promtool evaluates in a fraction of the time of all."""
    recordings = [recording for recording in RECORDINGS if recording.name in alert.expression]
    return {RECORDING_FILE: recording_rules(recordings), ALERTS_FILE: alert_rules(Links(), {"alone": [alert]})}


@needs_promtool
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_fires_when_it_should_and_only_then(tmp_path: Path, alert: Alert) -> None:
    """Every scene of an alert: who is called when, with which words, and who is not."""
    scenes = [scene.as_test() for scene in SCENES if scene.alert is alert]
    assert not promtool_tests(tmp_path, rules_of(alert), *scenes)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_scenes_of_every_kind(alert: Alert) -> None:
    """Fires, near miss, clears, survives a restart, absent data: none is left out for any alert."""
    assert {scene.kind for scene in SCENES if scene.alert is alert} == set(Kind)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_scene_says_something(scene: Scene) -> None:
    """A scene in which an alert is to fire has a minute for that; all others have one in which it is silent."""
    assert scene.fires if scene.kind in {Kind.FIRES, Kind.CLEARS} else scene.fires or scene.silent
    assert scene.silent or scene.kind is Kind.RESTART


@needs_promtool
def test_an_installation_without_data_calls_nobody(tmp_path: Path) -> None:
    """With an exporter that answers and tells nothing, no alert fires, at any time."""
    quiet = {
        "interval": "1m",
        "input_series": [{"series": promtool_series("up", **TARGET), "values": lasting((1, 120))}],
        "promql_expr_test": [
            {"expr": "ALERTS", "eval_time": f"{minute}m", "exp_samples": []} for minute in (0, 1, 30, 119)
        ],
    }
    assert not promtool_tests(tmp_path, CHECKED_IN, quiet)


@needs_promtool
def test_a_scene_that_does_not_hold_fails(tmp_path: Path) -> None:
    """Promtool is asked in a way in which it notices: an alert that is to be silent and fires is an error."""
    scene = next(scene for scene in SCENES if scene.kind is Kind.FIRES and not scene.alert.pending.startswith("0"))
    wrong = Scene(scene.alert, scene.kind, scene.series, silent=scene.fires, labels=scene.labels)
    assert "FAILED" in promtool_tests(tmp_path, rules_of(scene.alert), wrong.as_test())
