"""Lengths of time on the command line, in seconds."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from typing import Any


class Seconds(click.FloatRange):
    """A length of time within a range. `nan`, which is in every range, and `inf` are none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401 - as click declares it
        """The seconds; fails for what is no such length of time."""
        seconds = float(super().convert(value, param, ctx))
        if not isfinite(seconds):
            self.fail(f"{seconds} is not a number of seconds.", param, ctx)
        return seconds
