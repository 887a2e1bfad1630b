"""What the demo prints at its end: results, provider calls, where the files are, and what to try next."""

from __future__ import annotations

import shlex
import shutil
import sysconfig
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worker.cli.demo.lists import IPQS, LISTS, WHOISXML
from worker.cli.tables import Column, print_heading, print_table
from worker.host.embedded import server_url
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from producers.client import Client
    from producers.report import Report
    from worker.cli.demo.stage import Stage
    from worker.core.records import PartRecord, UploadRecord

#: Seconds for one command to the demo's server.
REDIS_SECONDS = 5.0
#: The simulated providers' own words for themselves, and the demo's accounts.
ACCOUNTS = {"ipqs": IPQS, "whoisxml": WHOISXML}

_RESULT_COLUMNS = (
    Column("upload"),
    Column("account"),
    Column("state"),
    Column("rows", right=True),
    Column("folded", right=True),
    Column("empty", right=True),
    Column("ok", right=True),
    Column("bad", right=True),
    Column("risky", right=True),
    Column("unknown", right=True),
    Column("missing", right=True),
    Column("parts", right=True),
    Column("looks", right=True),
    Column("credits", right=True),
    Column("lag s", right=True),
)
_CALL_COLUMNS = (Column("account"), Column("calls", right=True), Column("by operation"), Column("charges", right=True))


def print_report(client: Client, stage: Stage, reports: Sequence[Report], seconds: float) -> None:
    """Print everything there is to see."""
    found = _found(stage)
    uploads = [upload for upload, _ in found]
    print_heading("Results")
    print_table(_RESULT_COLUMNS, [_result_row(upload, parts) for upload, parts in found])
    state = stage.provider_state()
    print_heading("Provider calls, as the simulated providers counted them")
    print_table(_CALL_COLUMNS, _call_rows(state))
    for report in reports:
        if report.failed:
            click.echo(report.as_line())
    _print_conservation(uploads)
    print_heading(f"Done in {seconds:.0f} s; everything has been stopped. The files are here")
    for upload in uploads:
        if upload.result is not None:
            result = client.result(upload.upload_id)
            click.echo(f"  {result.path}")
    click.echo(f"  {stage.folder / 'bulkverify.log'}  (what the processes logged)")
    _print_next(stage)


def document(client: Client, stage: Stage, seconds: float) -> dict[str, object]:
    """The same for programs."""
    state: Mapping[str, Any] = stage.provider_state()
    return {
        "seconds": round(seconds, 1),
        "folder": str(stage.folder),
        "uploads": [_upload_document(client, upload, parts) for upload, parts in _found(stage)],
        "calls": {
            account: {"operations": state[provider]["calls"], "charges": len(state[provider]["charges"])}
            for provider, account in ACCOUNTS.items()
        },
    }


def _upload_document(client: Client, upload: UploadRecord, parts: Sequence[PartRecord]) -> dict[str, object]:
    result = upload.result
    return {
        "upload_id": upload.upload_id,
        "account": upload.account,
        "state": str(upload.state),
        "reason": upload.reason,
        "rows": upload.rows,
        "counts": None if result is None else asdict(result.counts),
        "conserved": result is not None and result.counts.conserved,
        "verdicts": {} if result is None else dict(result.verdicts),
        "parts": len(parts),
        "looks": sum(part.looks for part in parts),
        "credits": sum(part.credits_committed for part in parts),
        "lag_seconds": round(_lag_seconds(parts), 1),
        "result": None if result is None else str(client.result(upload.upload_id).path),
    }


def _found(stage: Stage) -> list[tuple[UploadRecord, list[PartRecord]]]:
    """The samples' uploads and their parts, in the order of the samples."""
    with connect(server_url(stage.home), REDIS_SECONDS) as redis:
        store = Store(redis)
        uploads = [store.upload(sample.upload_id) for sample in LISTS]
        return [(upload, list(store.parts_of(upload))) for upload in uploads if upload is not None]


def _result_row(upload: UploadRecord, parts: Sequence[PartRecord]) -> list[object]:
    result = upload.result
    counts = result.counts if result else None
    verdicts: Mapping[str, int] = result.verdicts if result else {}
    return [
        upload.upload_id,
        upload.account,
        upload.state,
        f"{upload.rows:,}",
        f"{counts.folded if counts else 0:,}",
        f"{counts.empty if counts else 0:,}",
        *(f"{verdicts.get(word, 0):,}" for word in ("ok", "bad", "risky", "unknown")),
        f"{counts.missing if counts else 0:,}",
        len(parts),
        sum(part.looks for part in parts),
        f"{sum(part.credits_committed for part in parts):,}",
        f"{_lag_seconds(parts):.1f}",
    ]


def _lag_seconds(parts: Iterable[PartRecord]) -> float:
    """The longest time between a provider's end of a part and its verified result here."""
    lags = [
        part.collected_at - part.remote_finished_at
        for part in parts
        if part.collected_at is not None and part.remote_finished_at is not None
    ]
    return max(lags, default=0.0)


def _call_rows(state: Mapping[str, Any]) -> Iterator[list[object]]:
    for provider, account in ACCOUNTS.items():
        calls: Mapping[str, int] = state[provider]["calls"]
        named = ", ".join(f"{number} {operation}" for operation, number in sorted(calls.items()))
        yield [account, sum(calls.values()), named, len(state[provider]["charges"])]


def _print_conservation(uploads: Sequence[UploadRecord]) -> None:
    kept = [upload for upload in uploads if upload.result is not None and upload.result.counts.conserved]
    rows = sum(upload.rows for upload in kept)
    click.echo(
        f"\nRows conserved in {len(kept)} of {len(LISTS)} uploads: "
        f"{rows:,} rows in = matched + folded + empty + withheld + missing."
    )


def _print_next(stage: Stage) -> None:
    command, home = _command(), shlex.quote(str(stage.home))
    print_heading("Try next")
    click.echo(f"  head -3 {shlex.quote(str(stage.home / 'storage' / 'results' / 'visitors' / 'result.csv'))}")
    click.echo(f"  BULKVERIFY_HOME={home} {command} up                # the same installation again, and beside it:")
    click.echo(f"  BULKVERIFY_HOME={home} {command} why newsletter    # what happened to the large list")


def _command() -> str:
    """How this program is called from here."""
    found = shutil.which("bulkverify")
    return "bulkverify" if found else shlex.quote(str(Path(sysconfig.get_path("scripts"), "bulkverify")))
