"""Values as a panel shows them: with their unit, and in the colour of their threshold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Grafana's names of colours, as its light theme has them.
COLOURS = {"blue": "#3274d9", "green": "#37872d", "orange": "#e5780b", "red": "#d0021b"}
#: From which value on a span of time is told in a unit, seconds; and the unit's name.
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))
_THOUSANDS = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_BYTES = ((2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"))


def shown(value: float, unit: str) -> str:
    """A value as Grafana would write it, or nearly so."""
    if not math.isfinite(value):
        return "none"
    return _WRITTEN.get(unit, _number)(value)


def colour(value: float, thresholds: Mapping[str, Any]) -> str:
    """The colour of a value."""
    reached = [step for step in thresholds["steps"] if step["value"] is None or value >= step["value"]]
    return COLOURS[reached[-1]["color"]]


def _span(seconds: float) -> str:
    for size, name in _SPANS:
        if abs(seconds) >= size:
            return f"{_short(seconds / size)} {name}"
    return "0 s" if seconds == 0 else f"{_short(seconds / 0.001)} ms"


def _scaled(value: float, sizes: tuple[tuple[float, str], ...], plain: str = "") -> str:
    for size, name in sizes:
        if abs(value) >= size:
            return f"{_short(value / size)}{name}"
    return f"{_short(value)}{plain}"


def _short(value: float) -> str:
    """Three digits that count, without zeros at the end."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(value: float) -> str:
    return _scaled(value, _THOUSANDS)


_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "percentunit": lambda share: f"{_short(100 * share)}%",
    "s": _span,
    "bytes": lambda size: _scaled(size, _BYTES, " B"),
    "Bps": lambda rate: f"{_scaled(rate, _BYTES, ' B')}/s",
    "cps": lambda rate: f"{_number(rate)} c/s",
    "cpm": lambda rate: f"{_number(rate)} c/m",
    "bool_yes_no": lambda truth: "Yes" if truth else "No",
}
