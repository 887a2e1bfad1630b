"""`bulkverify drift`: the differences between here and the providers that the sweeps have found and that last."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import click

from producers.exit_codes import ExitCode
from worker.cli.errors import UnknownAccount
from worker.cli.finding_words import COLOURS, commands_of, finding_document, in_order, is_concern, seen, what
from worker.cli.reconcile.exits import EXIT_DRIFT, ComparingCommand
from worker.cli.tables import print_json
from worker.cli.wording import duration
from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.cli.door import Door
    from worker.core.drift.findings import Finding
    from worker.store.store import Store

#: Findings that are shown to people; --json has all of them.
FINDINGS_SHOWN_MAX = 100
_EPILOG = f"""\b
Exit codes:
  {ExitCode.OK}  No drift is open. Strangers' jobs, and what is not believed yet, do not count.
  {ExitCode.FAILED}  An account is not known, or the command line or the configuration is wrong.
  {EXIT_DRIFT}  There is drift.
  {ExitCode.UNAVAILABLE}  Redis cannot be used.
"""


class Open(NamedTuple):
    """What the sweeps of one account have left."""

    account: str
    findings: tuple[Finding, ...]
    #: What the last walk has kept, empty before the first one.
    tally: Mapping[str, str]

    def swept(self, now: float) -> str:
        """When the list was last seen, as `ipqs-main 5 min ago`."""
        at = self.tally.get("complete_at")
        seen_whole = f"{duration(now - float(at))} ago" if at else "never"
        return f"{self.account} {seen_whole}"

    def as_document(self) -> dict[str, object]:
        """The same for programs."""
        at, complete_at = self.tally.get("at"), self.tally.get("complete_at")
        return {
            "account": self.account,
            "swept_at": float(at) if at else None,
            "complete_at": float(complete_at) if complete_at else None,
            "outcome": self.tally.get("outcome"),
        }


@click.command(cls=ComparingCommand, epilog=_EPILOG)
@click.argument("account", required=False)
@click.option(
    "--class", "of_class", type=click.Choice([str(one) for one in DriftClass]), metavar="CLASS", help="Only this one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def drift(door: Door, *, account: str | None, of_class: str | None, as_json: bool) -> None:
    """List what differs between here and the provider of ACCOUNT, or of all, by the last sweeps of the workers.

    The most severe come first, of those the oldest. Each is told with its class, what it is about, since when and how
    often in a row it was seen, the evidence, what happens next, and the command that decides it. Some classes are
    believed only when two sweeps in a row have shown them; before that they are listed as not believed yet, and
    nothing is done.

    Asks no provider: `bulkverify reconcile` compares now. What each class means: docs/drift.md.
    """
    store = door.store()
    found = [_open(store, name) for name in _names(door, account)]
    now = store.now()
    findings = in_order(
        finding for each in found for finding in each.findings if of_class in {None, str(finding.drift)}
    )
    code = EXIT_DRIFT if any(map(is_concern, findings)) else ExitCode.OK
    if as_json:
        told = {"findings": [finding_document(finding, now) for finding in findings]}
        print_json(told | {"accounts": [each.as_document() for each in found], "code": int(code)})
    else:
        for line in _lines(findings, now):
            click.echo(line)
        click.echo(f"Lists last seen whole: {', '.join(each.swept(now) for each in found) or 'none'}.")
    raise click.exceptions.Exit(code)


def _names(door: Door, account: str | None) -> list[str]:
    """The account, or all that are configured here or have records. Raises `UnknownAccount`."""
    from worker.cli.outlook import accounts_here  # noqa: PLC0415 - slow to import; the help does without it
    from worker.store.sweeps import accounts_of  # noqa: PLC0415 - as above

    known = sorted(accounts_of(door.store()) | set(accounts_here(door.settings())))
    if account is None:
        return known
    if account not in known:
        raise UnknownAccount(account, known)
    return [account]


def _open(store: Store, name: str) -> Open:
    from worker.store.findings import read_findings  # noqa: PLC0415 - slow to import; the help does without it
    from worker.store.sweeps import last_sweep  # noqa: PLC0415 - as above

    return Open(name, read_findings(store, name).findings, last_sweep(store, name))


def _lines(findings: list[Finding], now: float) -> Iterator[str]:
    """The findings, then how many there are."""
    for finding in findings[:FINDINGS_SHOWN_MAX]:
        yield from _finding_lines(finding, now)
    if len(findings) > FINDINGS_SHOWN_MAX:
        yield f"… and {len(findings) - FINDINGS_SHOWN_MAX:,} more; --json tells all of them"
    believed = [finding for finding in findings if finding.believed]
    if not findings:
        yield "No drift."
        return
    severities = Counter(finding.severity for finding in believed)
    words = [f"{severities[severity]:,} {severity.name.lower()}" for severity in sorted(severities, reverse=True)]
    open_ones = f"{len(believed):,} open" + (f": {', '.join(words)}" if words else "")
    suspected = len(findings) - len(believed)
    yield f"Drift: {open_ones}{f'; {suspected:,} not believed yet' if suspected else ''}."


def _finding_lines(finding: Finding, now: float) -> Iterator[str]:
    severity = click.style(f"{finding.severity.name.lower():<4}", fg=COLOURS[finding.severity], bold=True)
    believed = "" if finding.believed else " (not believed yet)"
    yield f"{severity}  {finding.drift}  {finding.account}  {what(finding)}{believed}"
    yield f"      {seen(finding, now)}"
    yield f"      next: {finding.next}"
    commands = commands_of(finding)
    if commands:
        yield f"      decide: {', '.join(commands)}"
