"""Every command that tells people something tells it to programs, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from worker.cli.main import bulkverify

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Commands without `--json`, each with the reason.
WITHOUT = {
    "config docs": "prints a page of the documentation, in Markdown",
    "schema": "prints JSON whatever is asked",
    "run intake": "logs, in the format that BULKVERIFY_LOG_FORMAT names",
    "run worker": "logs, as above",
    "run poller": "logs, as above",
    "run exporter": "logs, as above",
    "up": "logs, as above",
}


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, by the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands(bulkverify))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_print_json(name: str) -> None:
    """A command has the option `--json`, or a reason to have none; the list of reasons names no other."""
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ("--json" in options) != (name in WITHOUT), f"{name}: give it --json, or a reason in WITHOUT"


def test_every_reason_is_of_a_command() -> None:
    """No reason outlives its command."""
    assert set(WITHOUT) <= set(COMMANDS)
