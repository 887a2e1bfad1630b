"""`bulkverify run`: one process of an installation, in the foreground. `bulkverify up` and the Procfile start these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from worker.cli.epilog import exit_codes

if TYPE_CHECKING:
    from worker.cli.door import Door

_EPILOG = exit_codes(ExitCode.OK, ExitCode.USAGE, ExitCode.UNAVAILABLE)


@click.group()
def run() -> None:
    """Run one process in the foreground until it is asked to stop (SIGTERM, Ctrl-C).

    `bulkverify up` runs all of them; any number of each may run on any number of machines.
    """


@run.command(epilog=_EPILOG)
@click.pass_obj
def intake(door: Door) -> None:
    """Read requests and accept or reject them."""
    from worker.processes import run_intake  # noqa: PLC0415 - slow to import; each process needs its own part only

    run_intake(door.server_settings())


@run.command(epilog=_EPILOG)
@click.pass_obj
def worker(door: Door) -> None:
    """Prepare lists, submit parts, collect verdicts, deliver results."""
    from worker.processes import run_worker  # noqa: PLC0415 - as above

    run_worker(door.server_settings())


@run.command(epilog=_EPILOG)
@click.pass_obj
def poller(door: Door) -> None:
    """Look at remote jobs."""
    from worker.processes import run_poller  # noqa: PLC0415 - as above

    run_poller(door.server_settings())


@run.command(epilog=_EPILOG)
@click.pass_obj
def exporter(door: Door) -> None:
    """Serve metrics and health over HTTP."""
    from worker.processes import run_exporter  # noqa: PLC0415 - as above

    run_exporter(door.server_settings())
