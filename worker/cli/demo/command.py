"""`bulkverify demo`: one command that shows the whole program at work."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode, worst
from producers.seconds import Seconds
from worker.cli.epilog import exit_codes
from worker.cli.tables import print_json

if TYPE_CHECKING:
    from producers.client import Client
    from producers.report import Report

#: Where the demo keeps everything, below the current folder.
FOLDER = Path(".demo")
#: Seconds after which the demo gives up: it takes about half a minute.
TIMEOUT_SECONDS = 100.0


@click.command(
    epilog=exit_codes(
        ExitCode.OK,
        ExitCode.FAILED,
        ExitCode.USAGE,
        ExitCode.ATTENTION,
        ExitCode.NOT_FINISHED,
        ExitCode.INTERRUPTED,
    )
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where everything is kept; a folder of an earlier demo is emptied first.",
)
@click.option(
    "--timeout", "timeout_seconds", type=Seconds(min=1), default=TIMEOUT_SECONDS, show_default=True,
    metavar="SECONDS", help="When to give up.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and show no progress.")
def demo(*, folder: Path, timeout_seconds: float, as_json: bool) -> None:
    """Send lists of every kind through the real processes, at simulated providers, and show what comes back.

    The lists come from every source and go by every method. Starts a private Redis server, both simulated providers and
    every process; nothing is charged, nothing leaves this machine, and nothing keeps running afterwards. The files stay
    where the last lines say.
    """
    from producers.client import Client  # noqa: PLC0415 - slow to import
    from worker.cli.demo.findings import find  # noqa: PLC0415 - as above
    from worker.cli.demo.report import document, print_report  # noqa: PLC0415 - as above
    from worker.cli.demo.sending import send  # noqa: PLC0415 - as above
    from worker.cli.demo.stage import running_stage  # noqa: PLC0415 - as above
    from worker.host.embedded import server_url  # noqa: PLC0415 - as above
    from worker.host.supervisor import stop_on_signals  # noqa: PLC0415 - as above

    folder = folder.absolute()
    began = time.monotonic()
    click.echo(f"Starting a private Redis server, two simulated providers and four processes in {folder} …", err=True)
    with (
        stop_on_signals(_interrupt),
        running_stage(folder) as stage,
        Client(server_url(stage.home), producer="demo") as client,
    ):
        send(client, stage)
        reports = _follow(client, timeout_seconds, quiet=as_json)
        findings = find(stage)
    seconds = time.monotonic() - began
    if as_json:
        print_json(document(findings, seconds))
    else:
        print_report(findings, reports, seconds)
    raise click.exceptions.Exit(worst([report.code for report in reports]))


def _interrupt() -> None:
    """End like Ctrl-C: SIGTERM and a closed terminal must not leave the processes behind either."""
    raise KeyboardInterrupt


def _follow(client: Client, timeout_seconds: float, *, quiet: bool) -> list[Report]:
    from producers.following import follow  # noqa: PLC0415 - slow to import
    from producers.progress import progress  # noqa: PLC0415 - as above
    from worker.cli.demo.lists import LISTS  # noqa: PLC0415 - as above

    names = {sample.upload_id: sample.upload_id for sample in LISTS}
    with progress(quiet=quiet) as display:
        return list(follow(client, names, display, timeout_seconds))
