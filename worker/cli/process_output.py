"""What `bulkverify up` prints: the processes' own lines, and what happens to the processes.

On a console each line begins with its process's name, in a colour of its own. As JSON the processes' lines are passed
on untouched, so that whatever collects them can still parse every line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.host.supervisor import ProcessEvent

#: Colours of the names, in the order of the processes, again from the start when they run out.
_COLOURS: Final = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "bright_green")
#: Name under which the supervisor itself speaks.
_SUPERVISOR: Final = "supervisor"


class ProcessOutput(Protocol):
    """Where lines and events go."""

    def line(self, name: str, text: str) -> None:
        """Print one line of the process `name`."""

    def event(self, event: ProcessEvent) -> None:
        """Print what happened to a process."""


class ConsoleOutput:
    """For people."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are the processes whose lines will come."""
        ordered = [*names, _SUPERVISOR]
        width = max(len(name) for name in ordered)
        self._prefixes = {
            name: click.style(f"{name:<{width}} | ", fg=_COLOURS[index % len(_COLOURS)])
            for index, name in enumerate(ordered)
        }

    def line(self, name: str, text: str) -> None:
        """Print the line behind its process's name; colours are left out where the output is no terminal."""
        click.echo(self._prefixes[name] + text)

    def event(self, event: ProcessEvent) -> None:
        """Print a sentence."""
        self.line(_SUPERVISOR, sentence(event))


class JsonOutput:
    """For programs: one JSON object per line, if the processes log JSON."""

    def line(self, name: str, text: str) -> None:  # noqa: ARG002 - the line names its process itself
        """Print the line as it is."""
        click.echo(text)

    def event(self, event: ProcessEvent) -> None:
        """Print the event in the form of a log entry."""
        entry = {
            "timestamp": datetime.now(UTC).isoformat(),
            "level": "error" if event.event in {"gave_up", "killed"} else "info",
            "event": f"process_{event.event}",
            "process": event.name,
            "pid": event.pid,
            "exit_code": event.exit_code,
            "delay_seconds": event.delay_seconds,
        }
        click.echo(json.dumps({key: value for key, value in entry.items() if value is not None}))


def sentence(event: ProcessEvent) -> str:
    """Return what happened, for people."""
    process = f"{event.name} (process {event.pid})"
    match event.event:
        case "started":
            return f"{process} started"
        case "ended":
            return f"{process} {_ending(event.exit_code)}"
        case "restarting":
            return f"{event.name} starts again in {event.delay_seconds:g} s"
        case "gave_up":
            return f"{event.name} ended too often; stopping everything. Its last lines above say why"
        case "stopping":
            return f"{process} is asked to stop"
        case "killed":
            return f"{process} did not stop in time and is killed"


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was ended by signal {-exit_code}"
    return f"ended with exit code {exit_code}"
