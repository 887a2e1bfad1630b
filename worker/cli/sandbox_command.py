"""`bulkverify sandbox`: the simulated providers on a port of this machine."""

from __future__ import annotations

import tomllib
from contextlib import ExitStack
from time import time
from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from producers.seconds import Seconds
from worker.cli.epilog import exit_codes
from worker.cli.failures import Failure
from worker.cli.tables import print_json

if TYPE_CHECKING:
    from worker.providers.sandbox.server import SandboxServer

#: Keys that the simulators accept when none are given. They open nothing else.
IPQS_KEY = "sandbox-ipqs-key"
WHOISXML_KEY = "sandbox-whoisxml-key"
#: Epoch seconds (2025-01-01 UTC) from which ids are counted when no seed asks for the same ones in every run.
IDS_SINCE = 1_735_689_600
#: Ids that each second after it has for itself; more jobs a second than these would run into the next run's ids.
IDS_PER_SECOND = 100
#: Most seconds that a simulated job can be made to take: a day.
JOB_SECONDS_MAX = 86_400.0

_seconds = Seconds(0, JOB_SECONDS_MAX)


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.USAGE))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port to listen at.  [default: a free one]")
@click.option("--seconds-queued", type=_seconds, default=1.0, show_default=True, help="How long a job waits.")
@click.option("--seconds-per-job", type=_seconds, default=3.0, show_default=True, help="How long any job takes.")
@click.option("--seconds-per-row", type=_seconds, default=0.00005, show_default=True, help="And for each of its rows.")
@click.option("--seed", type=int, help="Verdicts of this seed, and the same job ids in every run: for a new home.")
@click.option("--ipqs-key", metavar="KEY", default=IPQS_KEY, show_default=True, help="Key that IPQS accepts.")
@click.option("--whoisxml-key", metavar="KEY", default=WHOISXML_KEY, show_default=True, help="The same for WhoisXML.")
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as one JSON document.")
def sandbox(
    *,
    host: str,
    port: int,
    seconds_queued: float,
    seconds_per_job: float,
    seconds_per_row: float,
    seed: int | None,
    ipqs_key: str,
    whoisxml_key: str,
    as_json: bool,
) -> None:
    """Run the simulated providers until Ctrl-C. Nothing is charged, and verdicts are made up.

    Prints an accounts file that leads here. Jobs are gone when it ends; the ids of a later run are higher, so a home
    that has uploads of an earlier one can be kept. For trying the program out and for tests: do not let others reach
    it.
    """
    try:
        from worker.providers.sandbox.run import serve  # noqa: PLC0415 - slow to import, and needs an optional package
    except ModuleNotFoundError as error:
        message = f"The simulated providers need the package {error.name}: install bulkverify[embedded]."
        raise Failure(message, ExitCode.USAGE) from None
    from worker.host.supervisor import stop_on_signals  # noqa: PLC0415 - as above

    ids = {} if seed is not None else {"first_id": _first_id(time())}
    with ExitStack() as until_stopped:

        def ready(server: SandboxServer) -> None:
            until_stopped.enter_context(stop_on_signals(server.request_stop))
            if as_json:
                print_json(_document(server.base_url, ipqs_key, whoisxml_key))
            else:
                click.echo(_accounts(server.base_url, ipqs_key, whoisxml_key))

        try:
            serve(
                host,
                port,
                ipqs_key=ipqs_key,
                whoisxml_key=whoisxml_key,
                on_ready=ready,
                queue_seconds=seconds_queued,
                seconds_per_job=seconds_per_job,
                seconds_per_row=seconds_per_row,
                seed=seed or 0,
                ipqs_knobs=ids,
                whoisxml_knobs=ids,
            )
        except OSError as error:
            message = f"Cannot listen at {host}:{port}: {error.strerror or type(error).__name__}. Give another --port."
            raise Failure(message, ExitCode.USAGE) from None
    click.echo("The simulated providers have stopped.", err=True)


def _first_id(now: float) -> int:
    """The id of the first job of a run that begins `now`, epoch seconds: above those of every run before it."""
    return max(1, int((now - IDS_SINCE) * IDS_PER_SECOND))


def _document(base_url: str, ipqs_key: str, whoisxml_key: str) -> dict[str, object]:
    """What is printed for programs: the tables of an accounts file, and the variables that they refer to."""
    tables = tomllib.loads(_accounts(base_url, ipqs_key, whoisxml_key))
    return tables | {"environment": {"SANDBOX_IPQS_KEY": ipqs_key, "SANDBOX_WHOISXML_KEY": whoisxml_key}}


def _accounts(base_url: str, ipqs_key: str, whoisxml_key: str) -> str:
    """What is printed: an accounts file whose comments say how to use it."""
    from config.endpoints import is_private_line  # noqa: PLC0415 - as above

    insecure = "" if is_private_line(base_url) else "insecure = true\n"
    return f"""\
# The simulated providers listen at
#   IPQS      {base_url}/ipqs/api
#   WhoisXML  {base_url}/whoisxml/api/bevService
# Save this as a file, say sandbox.toml, and start the processes in another terminal with
#   export BULKVERIFY_ACCOUNTS_FILE=sandbox.toml SANDBOX_IPQS_KEY={ipqs_key} SANDBOX_WHOISXML_KEY={whoisxml_key}
#   bulkverify up

[accounts.sandbox-ipqs]
provider = "ipqs"
key_env = "SANDBOX_IPQS_KEY"
base_url = "{base_url}/ipqs/api"
{insecure}
[accounts.sandbox-whoisxml]
provider = "whoisxml"
key_env = "SANDBOX_WHOISXML_KEY"
base_url = "{base_url}/whoisxml/api/bevService"
{insecure}"""
