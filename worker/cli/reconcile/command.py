"""`bulkverify reconcile`: what differs between here and the providers, and on request what may be repaired is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from worker.cli.reconcile.exits import EXIT_DRIFT, ComparingCommand

if TYPE_CHECKING:
    from worker.cli.door import Door

#: Seconds for which another's walk is waited for, and the most that may be asked for.
WAIT_SECONDS, WAIT_SECONDS_MAX = 60, 3_600

_EPILOG = f"""\b
What becomes of a difference:
  ~  a repair            !  a person decides       ?  not believed yet
  +  an import           .  it passes by itself    -  it is over
  =  moved on meanwhile  i  told, and nothing else

\b
Exit codes:
  {ExitCode.OK}  No drift; with --apply: none is left. Strangers' jobs, and what is not believed yet, do not count.
  {ExitCode.FAILED}  It could not be found out: a list was not read to its end, an account is paused or not
     known, or the command line or the configuration is wrong. Also: a difference was not accepted.
  {EXIT_DRIFT}  There is drift; with --apply: some is left.
  {ExitCode.UNAVAILABLE}  Redis cannot be used.
{ExitCode.INTERRUPTED}  Interrupted with Ctrl-C; what was repaired stays so.
"""


@click.command(cls=ComparingCommand, epilog=_EPILOG)
@click.argument("account", required=False)
@click.option("--plan", "planning", is_flag=True, help="Only tell what would be done (the default).")
@click.option("--apply", "applying", is_flag=True, help="Compare once more, and do it.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.IntRange(0, WAIT_SECONDS_MAX),
    default=WAIT_SECONDS,
    show_default=True,
    help="With --apply: seconds for which a sweep of the workers that is under way is waited for.",
)
@click.option("--accept-ledger", "accepting", is_flag=True, help="Accept that credits differ; compare from now on.")
@click.option("--yes", is_flag=True, help="With --accept-ledger: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def reconcile(
    door: Door,
    *,
    account: str | None,
    planning: bool,
    applying: bool,
    wait_seconds: int,
    accepting: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Compare ACCOUNT, or each one in turn, with its provider's whole list now, as the workers' sweeps do.

    Each difference is told with its class, since when it is seen, the evidence, and what is done about it.

    --plan writes nothing, and asks the provider with the lowest urgency, at the account's rate of calls. It counts
    itself as the next sweep: what has to be seen twice is planned at the second time.

    --apply makes a sweep of its own and acts on what that finds, whatever a plan has shown before: parts move on to
    where the list shows their jobs, and at most 100 repairs are written, each only if its part has not moved on
    meanwhile. Nothing is ever spent. Attempts of which the list shows no job are left to the workers. Run it again as
    often as you like.

    --accept-ledger is the end of a `ledger_drift` that was looked into: it shows both amounts and asks; then credits
    are compared from the present reading on. Who did that, when and with which amounts is kept, and shown by
    `bulkverify accounts`.
    """
    if sum((planning, applying, accepting)) > 1:
        raise click.UsageError("Choose one of --plan, --apply and --accept-ledger.")
    if yes and not accepting:
        raise click.UsageError("--yes belongs to --accept-ledger; nothing else asks.")
    from worker.cli.reconcile.accept import accept_ledger  # noqa: PLC0415 - slow to import; the help does without it
    from worker.cli.reconcile.compare import compare  # noqa: PLC0415 - as above

    if not accepting:
        raise click.exceptions.Exit(
            compare(door, account, wait_seconds=wait_seconds if applying else None, as_json=as_json)
        )
    if account is None:
        raise click.UsageError("--accept-ledger needs the ACCOUNT whose difference is accepted.")
    accept_ledger(door, account, yes=yes, as_json=as_json)
