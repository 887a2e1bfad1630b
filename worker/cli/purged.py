"""What commands tell of an upload that was purged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producers.contract import UploadState, manifest_name
from worker.cli.tables import print_fields, print_json
from worker.cli.wording import moment

if TYPE_CHECKING:
    from worker.cli.errors import UploadPurged
    from worker.store.store import Store


def print_purged(purged: UploadPurged, storage_url: str, *, as_json: bool) -> None:
    """Tell what is still known, and where in storage the result's manifest stays."""
    tombstone = purged.tombstone
    manifest = f"{storage_url}/{manifest_name(purged.upload_id)}"
    if as_json:
        told = {"upload_id": purged.upload_id, "state": tombstone.state, "finished_at": tombstone.ended_at}
        print_json(told | {"manifest": manifest})
        return
    whole = tombstone.outcome == UploadState.COMPLETED
    print_fields(
        (
            ("upload", purged.upload_id),
            ("state", f"{tombstone.state}: its records, parts and timeline were purged"),
            ("finished", moment(tombstone.ended_at)),
            ("manifest", manifest if whole else f"{manifest}, if it had a result"),
            ("again", "the same request is recognised and not paid for again; another id repeats it"),
        )
    )


def print_unlisted(store: Store) -> None:
    """Say on standard error that purged uploads are not listed, and that intake is paused, where that is so."""
    purged = store.purged_total()
    if purged:
        click.echo(f"Not listed: {purged:,} purged uploads; `bulkverify show UPLOAD` tells how one ended.", err=True)
    if store.intake_paused():
        click.echo("Intake is paused, because Redis is nearly full: requests wait in the stream.", err=True)
