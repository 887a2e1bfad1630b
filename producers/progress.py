"""Progress of uploads on standard error: bars on a terminal, lines elsewhere, nothing for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from producers.display import Display
from producers.report import shown

if TYPE_CHECKING:
    from producers.stages import Stage

#: A new line is printed when progress has moved by this many percent within a stage.
LINE_STEP_PERCENT = 10


class Lines(Display):
    """A line for each step that is worth one."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[str, int, str]] = {}

    def show(self, name: str, stage: Stage) -> None:
        """Print a line if this is a step further than the last one printed."""
        step = (stage.word, (stage.percent or 0) // LINE_STEP_PERCENT, stage.details if stage.total else "")
        if self._steps.get(name) != step:
            self._steps[name] = step
            percent = "" if stage.percent is None else f"{stage.percent} %"
            self.note("  ".join(filter(None, (name, stage.word, percent, stage.details))))

    def note(self, text: str) -> None:
        """Print a sentence."""
        click.echo(shown(text), err=True)


def progress(*, quiet: bool) -> Display:
    """The display that suits where standard error goes."""
    if quiet:
        return Display()
    if sys.stderr.isatty():
        from producers.bars import Bars  # noqa: PLC0415 - rich is loaded only where there is a terminal to draw on

        return Bars()
    return Lines()
