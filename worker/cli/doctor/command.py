"""`bulkverify doctor`: whether everything is right, and if not, what is to be done."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

import click

from config.redaction import redactor
from producers.exit_codes import ExitCode
from producers.report import shown
from worker.cli.health.check import SEVERITY, State
from worker.cli.reconcile.exits import EXIT_DRIFT, ComparingCommand
from worker.cli.tables import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.cli.door import Door
    from worker.cli.health.check import Check

#: Exit code when something is not as it should be.
EXIT_FOUND = EXIT_DRIFT
#: Uploads and parts that are looked at one by one, unless --limit says otherwise, and the most that can be.
RECORDS_LOOKED_AT = 1_000
RECORDS_LOOKED_AT_MAX = 1_000_000
#: How states are coloured on a terminal.
COLOURS = {State.PROBLEM: "red", State.WARNING: "yellow", State.UNKNOWN: "magenta", State.OK: "green"}
#: Columns of the state's word.
STATE_COLUMNS = 9
_EPILOG = f"""\b
Exit codes:
  {ExitCode.OK}  All is well.
  {ExitCode.FAILED}  Nothing is wrong as far as could be seen, and something could not be looked at.
  {EXIT_FOUND}  There are warnings or problems.
"""


@click.command(cls=ComparingCommand, epilog=_EPILOG)
@click.option("--providers", is_flag=True, help="Call the providers too, for credits and clocks: is not charged.")
@click.option(
    "--limit",
    type=click.IntRange(1, RECORDS_LOOKED_AT_MAX),
    default=RECORDS_LOOKED_AT,
    show_default=True,
    metavar="N",
    help="Look at N uploads and parts one by one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def doctor(door: Door, *, providers: bool, limit: int, as_json: bool) -> None:
    """Look at everything that has to be right, and say in plain words what is not and what to do about it.

    Configuration, Redis (durability, memory, version, clock), processes, accounts (pauses, budget, credits), storage (a
    probe object is written, read and deleted; free space), work that is stuck or waits for a person, open drift, what
    must be true of the records at any moment, and the exporter, on which alerts live.

    Never spends, changes no record, and calls no provider without --providers. Workers may go on meanwhile.
    """
    from worker.cli.doctor.examination import Asked, examine  # noqa: PLC0415 - slow to import; the help does without it

    found = list(examine(door, Asked(limit, providers)))
    code = exit_code(found)
    if as_json:
        counted = Counter(check.state for check in found)
        told = {"ok": code == ExitCode.OK, "counts": {str(state): counted[state] for state in State}}
        document = told | {"checks": [check.as_document() for check in found], "code": int(code)}
        print_json(redactor.redact_value(document, sink="command"))
    else:
        for line in lines(found):
            click.echo(redactor.redact(line, sink="command"))
    raise click.exceptions.Exit(code)


def exit_code(checks: Sequence[Check]) -> int:
    """What the checks together mean to a script."""
    states = {check.state for check in checks}
    if states & {State.PROBLEM, State.WARNING}:
        return EXIT_FOUND
    return ExitCode.FAILED if State.UNKNOWN in states else ExitCode.OK


def lines(checks: Sequence[Check]) -> Iterator[str]:
    """The checks for people, by area in their order, and how many there are."""
    areas = list(dict.fromkeys(check.area for check in checks))
    in_order = sorted(checks, key=lambda check: areas.index(check.area))
    for area, of_area in groupby(in_order, key=lambda check: check.area):
        yield click.style(area.capitalize(), bold=True)
        for check in of_area:
            yield from _lines(check)
    counted = Counter(check.state for check in checks)
    yield ""
    yield ", ".join(f"{counted[state]:,} {state}" for state in SEVERITY if counted[state]) + "."


def _lines(check: Check) -> Iterator[str]:
    state = click.style(f"{check.state:<{STATE_COLUMNS}}", fg=COLOURS[check.state])
    yield f"  {state}{shown(check.text)}"
    if check.remedy:
        yield f"  {'':<{STATE_COLUMNS}}{shown(check.remedy)}"
