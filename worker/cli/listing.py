"""`bulkverify ls`: uploads, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from producers.exit_codes import ExitCode
from worker.cli.epilog import exit_codes
from worker.cli.progress import progress
from worker.cli.purged import print_unlisted
from worker.cli.selection import Filter, filter_options, select
from worker.cli.tables import Column, print_json, print_table
from worker.cli.wording import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producers.records import Status
    from worker.cli.door import Door

#: Uploads that are listed when no number is given, and at most.
UPLOADS_LISTED = 20
UPLOADS_LISTED_MAX = 1_000

COLUMNS = (
    Column("id"),
    Column("account"),
    Column("kind"),
    Column("state"),
    Column("rows", right=True),
    Column("progress"),
    Column("age", right=True),
    Column("reason"),
)


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(1, UPLOADS_LISTED_MAX),
    default=UPLOADS_LISTED,
    show_default=True,
    help="Most uploads that are listed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else; times are epoch seconds.")
@click.pass_obj
def ls(door: Door, /, *, limit: int, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401 - the filter's options
    """List uploads, the newest first.

    Where there are more than --limit, those are listed whose state changed last. --state attention lists what waits
    for a person.
    """
    store, client = door.store(), door.client()
    chosen = select(store, Filter(**wanted), most=limit)
    found = [client.status(upload_id) for upload_id in (*(one.upload_id for one in chosen.uploads), *chosen.unread)]
    uploads = sorted((status for status in found if status), key=lambda status: status.created_at or 0.0, reverse=True)
    if as_json:
        print_json([status.model_dump(mode="json") for status in uploads])
    elif uploads:
        print_table(COLUMNS, _rows(uploads, store.now()))
    else:
        click.echo("No uploads.", err=True)
    if not as_json:
        print_unlisted(store)


def _rows(uploads: Sequence[Status], now: float) -> list[tuple[object, ...]]:
    return [
        (
            status.upload_id,
            status.account,
            status.kind,
            status.state,
            f"{status.rows:,}",
            progress(status),
            duration(now - status.created_at) if status.created_at else "-",
            status.reason,
        )
        for status in uploads
    ]
