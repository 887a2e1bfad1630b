"""What pictures of dashboards say of values."""

from __future__ import annotations

import math

import pytest

from tests.builders.dashboards.shown import COLOURS, colour, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "short", "0"),
        (120_000.0, "short", "120 K"),
        (1_250_000.0, "short", "1.25 Mil"),
        (0.987, "percentunit", "98.7%"),
        (1.0, "percentunit", "100%"),
        (0.0, "s", "0 s"),
        (0.0205, "s", "20.5 ms"),
        (90.0, "s", "1.5 min"),
        (172_800.0, "s", "2 d"),
        (1_536.0, "bytes", "1.5 KiB"),
        (10.0, "Bps", "10 B/s"),
        (2.5, "cps", "2.5 c/s"),
        (0.25, "cpm", "0.25 c/m"),
        (1.0, "bool_yes_no", "Yes"),
        (0.0, "bool_yes_no", "No"),
        (3.0, "none", "3"),
        (math.nan, "s", "none"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    """With three digits at most, in the unit that makes it short."""
    assert shown(value, unit) == text


@pytest.mark.parametrize(("value", "name"), [(-1.0, "green"), (0.99, "green"), (1.0, "orange"), (7.0, "red")])
def test_a_value_has_the_colour_of_its_threshold(value: float, name: str) -> None:
    """The last threshold that it reaches."""
    steps = [(None, "green"), (1, "orange"), (5, "red")]
    thresholds = {"steps": [{"value": above, "color": tone} for above, tone in steps]}
    assert colour(value, thresholds) == COLOURS[name]
