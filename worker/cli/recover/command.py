"""`bulkverify recover`: what Redis has lost is made again from storage, and nothing is spent."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from worker.actors.recovery import Recovery
from worker.cli.recover.report import print_report
from worker.cli.recover.search import Search, kept_uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.cli.door import Door


_EPILOG = """\b
Exit codes:
  0  Everything that storage keeps is known to Redis.
  1  An upload could not be made again; each is named with what is wrong.
  2  The command line or the configuration is wrong; nothing was changed.
  3  Parts that were never sent have stopped, or lists have to be submitted again.
  5  Redis cannot be used.
130  Interrupted with Ctrl-C; what was made again stays so. Run it again for the rest.
"""


@click.command(epilog=_EPILOG)
@click.option("--account", metavar="ACCOUNT", help="Only uploads of this account.")
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would be made again.")
@click.option("--resume", is_flag=True, help="Have parts go on that were never sent: they are paid for, once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def recover(door: Door, *, account: str | None, dry_run: bool, resume: bool, as_json: bool) -> None:
    """Make uploads again that Redis has lost, from what lies in storage. Nothing is spent, and no provider is asked.

    Uploads with a result are known again, so that nobody pays for them once more. Of the others, parts whose verdicts
    are in storage are collected, parts with a job are looked at, and parts of which nobody knows whether they have one
    are searched for in the provider's list by the workers. Parts that were never sent stop and cost nothing;
    `bulkverify retry UPLOAD` sends those of one upload, --resume those of all.

    Uploads that Redis knows are left as they are: it may be run again, interrupted, and while workers run. Lists that
    were accepted and not yet split into parts are not there, and were not paid for: have them submitted again.
    """
    recovery = Recovery(door.store(), door.storage(), door.settings())
    upload_ids = kept_uploads(recovery)
    with _bar(len(upload_ids)) as on_upload:
        search = Search(recovery, account, dry_run=dry_run, resume=resume, on_upload=on_upload)
        tally = search.run(upload_ids)
    print_report(tally, dry_run=dry_run, as_json=as_json)
    raise click.exceptions.Exit(tally.code)


@contextmanager
def _bar(uploads: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, and nothing elsewhere; what it yields is called after each upload."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=uploads)
        yield lambda: bar.advance(task)
