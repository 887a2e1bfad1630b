"""A click group that imports a command when it is run, and lists all of them without importing any."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem


class LazyCommand(NamedTuple):
    """Where a command is found, and the line that tells what it does."""

    name: str
    #: `module:attribute`
    place: str
    help: str


class Section(NamedTuple):
    """Commands that are listed together."""

    title: str
    commands: Sequence[LazyCommand]


class LazyGroup(click.Group):
    """A group whose commands are a table."""

    def __init__(self, *args: object, sections: Sequence[Section] = (), **options: object) -> None:
        """`sections` in the order of the help; the rest is click's."""
        super().__init__(*args, **options)  # type: ignore[arg-type]  # passed through
        self.sections = sections
        self._places = {command.name: command for section in sections for command in section.commands}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name, in the order of the table."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command; `None` for a name that is not in the table."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands that begin so, from the table; else what click completes."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - as click does: only a shell needs it

        named = [CompletionItem(name, help=place.help) for name, place in self._places.items()]
        found = [item for item in named if item.value.startswith(incomplete)]
        # A group's own method would import every command for its line of help.
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands by section."""
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([(command.name, command.help) for command in section.commands])
