"""The accounts of one command line, compared one after the other and told of."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from worker.cli.reconcile.report import closing, worst_code
from worker.cli.reconcile.run import look, repair
from worker.cli.reconcile.workplace import opened
from worker.cli.tables import print_json
from worker.store.sweeps import last_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.cli.door import Door
    from worker.cli.reconcile.report import AccountReport
    from worker.cli.reconcile.workplace import Workplace


def compare(door: Door, account: str | None, *, wait_seconds: int | None, as_json: bool) -> int:
    """Compare the account, or all, and print each report as soon as it is there; the exit code.

    Differences are repaired where there are `wait_seconds`: for so long another's walk of a list is waited for.

    Ctrl-C ends it; what was written until then is told to stay.
    """
    reports: list[AccountReport] = []
    applying, interrupted = wait_seconds is not None, False
    compared = look if wait_seconds is None else partial(repair, wait_seconds=wait_seconds)
    with opened(door) as place:
        chosen = place.chosen(account)
        try:
            for connected in chosen:
                with _bar(place, connected.account.name) as on_page:
                    report = compared(place, connected, on_page)
                reports.append(report)
                if not as_json:
                    _print(report)
        except KeyboardInterrupt:
            interrupted = True
    code = int(ExitCode.INTERRUPTED) if interrupted else worst_code(reports)
    if as_json:
        told = {"mode": "apply" if applying else "plan", "accounts": [report.as_document() for report in reports]}
        print_json(told | {"interrupted": interrupted, "code": code})
    else:
        click.echo(closing(reports, applied=applying))
    if interrupted:
        written = "What was written stays so." if applying else "Nothing was written."
        click.echo(f"Interrupted after {len(reports):,} of {len(chosen):,} accounts. {written}", err=True)
    return code


def _print(report: AccountReport) -> None:
    for line in report.lines():
        click.echo(line)
    if report.failure:
        click.echo(f"{click.style('not found out', fg='red')}  {report.account}: {report.failure}", err=True)
    click.echo()


@contextmanager
def _bar(place: Workplace, account: str) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, as long as the last sweep; what it yields is called before each page."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    pages = int(last_sweep(place.store, account).get("pages") or 0)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("pages"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(account, total=pages or None)
        yield lambda: bar.advance(task)
