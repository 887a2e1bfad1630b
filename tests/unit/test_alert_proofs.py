"""Each alert has its end-to-end proofs: something that makes it fire, and something that nearly does."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.builders.observed.near_misses import NEAR_MISSES, ONLY_PROMTOOL
from worker.alerting.files import ALERTS

NAMES = {alert.name for alert in ALERTS}
#: The tests that make alerts fire.
FIRING = Path(__file__).parents[1] / "acceptance" / "test_alerts.py"


def waited_for() -> set[str]:
    """The alerts whose firing those tests wait for, by name."""
    calls = (node for node in ast.walk(ast.parse(FIRING.read_text())) if isinstance(node, ast.Call))
    waits = (call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "wait_for")
    return {str(name.value) for call in waits for name in call.args if isinstance(name, ast.Constant)}


def test_every_alert_is_made_to_fire() -> None:
    """A test on a real installation waits for each alert."""
    assert waited_for() == NAMES


def test_every_alert_is_nearly_made_to_fire() -> None:
    """Each alert has a near miss on a real installation, or a reason why only promtool has one."""
    assert NEAR_MISSES.keys() | ONLY_PROMTOOL.keys() == NAMES
    assert not NEAR_MISSES.keys() & ONLY_PROMTOOL.keys()
