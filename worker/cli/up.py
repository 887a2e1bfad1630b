"""`bulkverify up`: run every process of an installation on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from config.accounts import load_accounts
from producers.exit_codes import ExitCode
from worker.cli.process_output import ConsoleOutput, JsonOutput, ProcessOutput
from worker.host import procfile
from worker.host.installation import process_environment
from worker.host.supervisor import EXIT_GAVE_UP, EXIT_KILLED, EXIT_STOPPED, Supervisor, stop_on_signals

if TYPE_CHECKING:
    from worker.cli.door import Door

#: Seconds beyond SHUTDOWN_SECONDS after which a process that was asked to stop is killed: its time to end its threads.
KILL_MARGIN_SECONDS: Final = 5.0

_EPILOG: Final = f"""\b
Exit codes:
  {EXIT_STOPPED}  Stopped as asked (Ctrl-C, SIGTERM), everything in time.
  {EXIT_GAVE_UP}  A process ended again and again, so everything was stopped.
  {ExitCode.USAGE.value}  The command line, the settings, the accounts or the Procfile is wrong; nothing was started.
  {ExitCode.UNAVAILABLE.value}  The private Redis server cannot be started.
  {EXIT_KILLED}  Stopped as asked, but a process had to be killed: too slow, or a second Ctrl-C.
"""


class _Scale(click.ParamType[tuple[str, int]]):
    """`NAME=N`."""

    name = "NAME=N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        name, _, number = str(value).partition("=")
        if not name or not number.isdecimal():
            self.fail(f"{value!r} is not NAME=N, such as worker=2.", param, ctx)
        return name, int(number)


@click.command(epilog=_EPILOG)
@click.option(
    "--procfile",
    "procfile_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run the processes that this Procfile names, instead of intake, worker, poller and exporter.",
)
@click.option("--scale", "scale", type=_Scale(), multiple=True, help="Run N of the process NAME; may be repeated.")
@click.pass_obj
def up(door: Door, procfile_path: Path | None, scale: tuple[tuple[str, int], ...]) -> None:
    """Run every process on this machine, and start again the ones that end.

    Without BULKVERIFY_REDIS_URL a private Redis server, which keeps its data in BULKVERIFY_HOME, runs along.
    Ctrl-C stops everything in an orderly way; a second one at once.
    """
    settings = door.settings()
    processes = _processes(procfile_path, dict(scale))
    if procfile_path is None:
        load_accounts(settings.accounts_file)  # a mistake is told here once, not by every process again and again
    output: ProcessOutput = JsonOutput() if settings.log_format == "json" else ConsoleOutput(processes)
    with process_environment(settings, os.environ) as environment:
        supervisor = Supervisor(
            processes,
            environment=environment,
            shutdown_seconds=settings.shutdown_seconds + KILL_MARGIN_SECONDS,
            on_event=output.event,
            on_output=output.line,
        )
        with stop_on_signals(supervisor.stop):
            exit_code = supervisor.run()
    raise click.exceptions.Exit(exit_code)


def _processes(path: Path | None, numbers: dict[str, int]) -> procfile.Processes:
    try:
        known = procfile.PROCESSES if path is None else procfile.parse(path.read_text(encoding="utf-8"))
        return procfile.scaled(known, numbers)
    except (procfile.ProcfileError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path or 'These processes'} cannot be run. {error}") from None
