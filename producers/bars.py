"""Progress of uploads as one bar each, drawn on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from producers.display import Display
from producers.report import shown

if TYPE_CHECKING:
    from producers.stages import Stage

#: Characters of an upload's name that are shown.
NAME_CHARS_MAX = 40


class Bars(Display):
    """One bar for each upload."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` defaults to the terminal behind standard error."""
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[stage]}", markup=False, style="bold", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[details]}", markup=False, style="dim"),
            TimeElapsedColumn(),
            console=console or Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def show(self, name: str, stage: Stage) -> None:
        """Move an upload's bar, which appears with its first stage."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(shown(name)[-NAME_CHARS_MAX:], stage="", details="", total=None)
        self._bars.update(
            self._tasks[name], total=stage.total, completed=stage.done, stage=stage.word, details=shown(stage.details)
        )

    def note(self, text: str) -> None:
        """A sentence above the bars."""
        self._bars.console.print(shown(text), markup=False, highlight=False)
