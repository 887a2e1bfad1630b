"""What the producers' commands have in common: types of their parameters, shared options, and how they end."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from producers.client import SINCE_PATTERN
from producers.contract import UPLOAD_ID_PATTERN
from producers.errors import ProducerError
from producers.exit_codes import ExitCode, exit_codes_help, worst
from producers.report import exit_code_of, shown
from producers.seconds import Seconds

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from producers.client import Client
    from producers.dry_runs import Printable

#: Longest wait that can be asked for, in seconds: a year.
TIMEOUT_SECONDS_MAX = 366 * 24 * 3600

#: What the help of every command ends with.
EPILOG = "\b\nExit codes:\n" + exit_codes_help()


class Door(Protocol):
    """What these commands need from the command line that holds them: it is click's context object."""

    def client(self) -> Client:
        """A client of the configured server. Raises `ProducerError`."""


class UploadId(click.ParamType[str]):
    """An upload id."""

    name = "ID"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id itself; fails for what can be none."""
        if not re.fullmatch(UPLOAD_ID_PATTERN, str(value)):
            self.fail(f"{shown(str(value))!r} cannot be an upload id: 1 to 100 of A-Z a-z 0-9 . _ -", param, ctx)
        return str(value)


class ResultTarget(click.Path):
    """A file or folder that a result is copied to."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; fails for the sign that other programs take for standard output."""
        if str(value) == "-":
            self.fail(
                "no result is written to standard output: name a file, or a folder (./- for one of that name)",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


def delimiter(text: str) -> str:
    r"""A character between cells; `tab` and `\t` are the tabulator, which is hard to type."""
    return {"tab": "\t", "\\t": "\t"}.get(text, text)


def column(text: str) -> str | int:
    """A column: its position counted from 0 where there are only digits, else its name."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text


def since(text: str) -> str:
    """What events are to begin after; fails for what is no event's id."""
    if not re.fullmatch(SINCE_PATTERN, text):
        raise click.BadParameter(f"{shown(text)!r} is not an event's id, 0 or $.")
    return text


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, one document per line, and show no progress."
)
timeout_option = click.option(
    "--timeout",
    "timeout_seconds",
    type=Seconds(0, TIMEOUT_SECONDS_MAX),
    metavar="SECONDS",
    help="Wait at most so long, for all uploads together.  [default: no limit]",
)
output_option = click.option(
    "--output",
    metavar="OUT",
    type=ResultTarget(path_type=Path),
    help="Copy the result here: to a file, or into a folder as ID.csv (ID.jsonl).",
)


class Printer:
    """Prints reports on standard output: JSON at once, lines for people when the progress display is gone."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lines: list[str] = []
        self._codes: list[ExitCode] = []

    def add(self, report: Printable) -> None:
        """Take what is to be said of one upload."""
        self._codes.append(report.code)
        if self._as_json:
            click.echo(report.as_json())
        else:
            self._lines.append(report.as_text())

    def print_lines(self) -> None:
        """Print what is not printed yet."""
        while self._lines:
            click.echo(self._lines.pop(0))

    @property
    def code(self) -> ExitCode:
        """The exit code of all reports together."""
        return worst(self._codes)


@contextmanager
def ends_well(ctx: click.Context, interrupted: Callable[[], str] = str) -> Iterator[None]:
    """Ends the command with a sentence and an exit code when something is wrong, or when Ctrl-C is pressed.

    `interrupted` says what an interruption leaves behind.
    """
    try:
        yield
    except ProducerError as error:
        click.echo(f"Error: {shown(str(error))}", err=True)
        ctx.exit(exit_code_of(error))
    except KeyboardInterrupt:
        click.echo(f"Interrupted. {interrupted()}".rstrip(), err=True)
        ctx.exit(ExitCode.INTERRUPTED)
