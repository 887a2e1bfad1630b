"""What `bulkverify recover` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from worker.cli.recover.tally import NAMED_MAX
from worker.cli.tables import print_fields, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.cli.recover.tally import Tally


def print_report(tally: Tally, *, dry_run: bool, as_json: bool) -> None:
    """Print what was made again on standard output, and on standard error what a person has to do."""
    if as_json:
        print_json(tally.as_document(dry_run=dry_run))
        return
    made = "would be made again" if dry_run else "made again"
    print_fields(
        [
            (f"uploads {made}", f"{tally.uploads.total():,}{_by_state(tally.uploads)}"),
            ("known already", f"{tally.known:,}"),
            (f"parts {made}", f"{tally.parts.total():,}{_by_state(tally.parts)}"),
            ("rows", f"{tally.rows:,}"),
            ("credits safe", f"{tally.credits_safe:,}"),
            ("credits searched for", f"{tally.credits_unclear:,}" if tally.credits_unclear else None),
            ("never sent, go on", f"{tally.unsent_going_on:,} parts" if tally.unsent_going_on else None),
            ("never sent, stopped", f"{tally.unsent_stopped:,} parts" if tally.unsent_stopped else None),
        ]
    )
    if tally.unsent_stopped:
        remedy = "bulkverify recover --resume sends the parts that were never sent, bulkverify retry those of an upload"
        click.echo(f"Nothing was spent for {tally.unsent_stopped:,} parts: {remedy}.", err=True)
    if tally.to_ask_again:
        why = "Have these lists submitted again; what was paid for is found by the attempts and is not paid again"
        click.echo(f"{why}: {_named(tally.to_ask_again)}.", err=True)
    for upload_id, message in list(tally.failures.items())[:NAMED_MAX]:
        click.echo(f"{click.style('not made again', fg='red')}  {upload_id}: {message}", err=True)
    if len(tally.failures) > NAMED_MAX:
        click.echo(f"{len(tally.failures) - NAMED_MAX:,} more could not be made again; --json names all.", err=True)


def _by_state(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{number:,} {state}" for state, number in sorted(counts.items()))
    return f" ({shown})" if shown else ""


def _named(upload_ids: Sequence[str]) -> str:
    more = len(upload_ids) - NAMED_MAX
    return ", ".join(upload_ids[:NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")
