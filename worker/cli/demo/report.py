"""What the demo prints at its end: results, provider calls, where the files are, and what to try next."""

from __future__ import annotations

import shlex
import shutil
import sysconfig
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from worker.cli.demo.lists import LISTS
from worker.cli.tables import Column, print_heading, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from producers.report import Report
    from worker.cli.demo.findings import Calls, CopyInRedis, Findings, Outcome

#: Seconds of an hour.
HOUR_SECONDS = 3_600

_WAY_COLUMNS = (
    Column("upload"),
    Column("account"),
    Column("kind"),
    Column("source"),
    Column("method"),
    Column("state"),
    Column("parts", right=True),
    Column("credits", right=True),
    Column("looks", right=True),
    Column("lag s", right=True),
)
_ROW_COLUMNS = (
    Column("upload"),
    Column("rows", right=True),
    Column("folded", right=True),
    Column("empty", right=True),
    Column("missing", right=True),
    Column("ok", right=True),
    Column("bad", right=True),
    Column("risky", right=True),
    Column("unknown", right=True),
    Column("also as"),
)
_CALL_COLUMNS = (
    Column("account"),
    Column("calls", right=True),
    Column("by operation"),
    Column("parts", right=True),
    Column("charges", right=True),
)
_FILE_COLUMNS = (Column("file"), Column("what it is"))
_COPY_COLUMNS = (Column("key"), Column("what it is"))


def print_report(findings: Findings, reports: Sequence[Report], seconds: float) -> None:
    """Print everything there is to see."""
    print_heading("The way of each list: where it came from, how it went to the provider")
    print_table(_WAY_COLUMNS, map(_way_row, findings.outcomes))
    print_heading("What came back, row by row")
    print_table(_ROW_COLUMNS, map(_counts_row, findings.outcomes))
    print_heading("Provider calls, as the simulated providers counted them")
    print_table(_CALL_COLUMNS, map(_call_row, findings.calls))
    for report in reports:
        if report.failed:
            click.echo(report.as_text())
    _print_promises(findings)
    print_heading(f"Done in {seconds:.0f} s; everything has been stopped. The files are in {findings.results}")
    print_table(_FILE_COLUMNS, _file_rows(findings))
    click.echo(f"\nWhat the processes logged is in {findings.folder / 'bulkverify.log'}")
    _print_copies(findings)
    _print_next(findings)


def document(findings: Findings, seconds: float) -> dict[str, object]:
    """The same for programs."""
    return {
        "seconds": round(seconds, 1),
        "folder": str(findings.folder),
        "uploads": [_upload_document(outcome) for outcome in findings.outcomes],
        "calls": {
            calls.account: {"operations": dict(calls.operations), "parts": calls.parts, "charges": calls.charges}
            for calls in findings.calls
        },
    }


def _upload_document(outcome: Outcome) -> dict[str, object]:
    upload, result = outcome.upload, outcome.upload.result
    return {
        "upload_id": upload.upload_id,
        "account": upload.account,
        "kind": upload.kind,
        "source": outcome.sample.source,
        "method": upload.method,
        "submitted_by": list(outcome.methods),
        "state": str(upload.state),
        "reason": upload.reason,
        "rows": upload.rows,
        "counts": None if result is None else asdict(result.counts),
        "conserved": outcome.conserved,
        "verdicts": {} if result is None else dict(result.verdicts),
        "parts": len(outcome.parts),
        "looks": sum(part.looks for part in outcome.parts),
        "credits": sum(part.credits_committed for part in outcome.parts),
        "lag_seconds": round(outcome.lag_seconds, 1),
        "result": None if outcome.path is None else str(outcome.path),
        "segments": [
            {"segment": file.segment, "part": file.part, "path": str(path), "size_bytes": file.size_bytes}
            for file, path in outcome.segments
        ],
        "rows_in_redis": None if outcome.copy is None else asdict(outcome.copy),
    }


def _way_row(outcome: Outcome) -> list[object]:
    upload, used = outcome.upload, ", ".join(outcome.methods)
    return [
        upload.upload_id,
        upload.account,
        upload.kind,
        outcome.sample.source,
        used if used == upload.method else f"{used or '-'} ({upload.method})",
        upload.state,
        len(outcome.parts),
        f"{sum(part.credits_committed for part in outcome.parts):,}",
        sum(part.looks for part in outcome.parts),
        f"{outcome.lag_seconds:.1f}",
    ]


def _counts_row(outcome: Outcome) -> list[object]:
    upload, result = outcome.upload, outcome.upload.result
    counts = result.counts if result else None
    verdicts: Mapping[str, int] = result.verdicts if result else {}
    also = [*sorted({file.segment for file, _ in outcome.segments}), *(["rows in Redis"] if outcome.copy else [])]
    return [
        upload.upload_id,
        f"{upload.rows:,}",
        f"{counts.folded if counts else 0:,}",
        f"{counts.empty if counts else 0:,}",
        f"{counts.missing if counts else 0:,}",
        *(f"{verdicts.get(word, 0):,}" for word in ("ok", "bad", "risky", "unknown")),
        ", ".join(also),
    ]


def _call_row(calls: Calls) -> list[object]:
    named = ", ".join(f"{number} {operation}" for operation, number in sorted(calls.operations.items()))
    return [calls.account, sum(calls.operations.values()), named, calls.parts, calls.charges]


def _print_promises(findings: Findings) -> None:
    kept = [outcome.upload for outcome in findings.outcomes if outcome.conserved]
    rows = sum(upload.rows for upload in kept)
    click.echo(
        f"\nRows conserved in {len(kept)} of {len(LISTS)} uploads: "
        f"{rows:,} rows in = matched + folded + empty + withheld + missing."
    )
    charges, parts = (sum(getattr(calls, what) for calls in findings.calls) for what in ("charges", "parts"))
    click.echo(f"Charges: {charges} for {parts} parts.")


def _file_rows(findings: Findings) -> Iterator[list[object]]:
    for outcome in findings.outcomes:
        if outcome.path is not None:
            yield [outcome.path.relative_to(findings.results), "every row, with its verdict"]
        for file, path in outcome.segments:
            what = f"segment {file.segment}: the provider's own file, {file.size_bytes:,} bytes"
            yield [path.relative_to(findings.results), what]


def _print_copies(findings: Findings) -> None:
    copies = [outcome.copy for outcome in findings.outcomes if outcome.copy is not None]
    if copies:
        print_heading("Rows in Redis, as seen there: for an application that cannot read those files")
        print_table(_COPY_COLUMNS, map(_copy_row, copies))


def _copy_row(copy: CopyInRedis) -> list[object]:
    content = "byte for byte the result's file" if copy.same else "not what the result's file holds"
    return [copy.key, f"{copy.size_bytes:,} bytes, {content}; kept for {copy.ttl_seconds / HOUR_SECONDS:.0f} hours"]


def _print_next(findings: Findings) -> None:
    command, home = _command(), shlex.quote(str(findings.home))
    print_heading("Try next")
    click.echo(f"  head -3 {shlex.quote(str(findings.results / 'visitors' / 'result.csv'))}")
    click.echo(f"  BULKVERIFY_HOME={home} {command} up                # the same installation again, and beside it:")
    click.echo(f"  BULKVERIFY_HOME={home} {command} why newsletter    # what happened to the large list")


def _command() -> str:
    """How this program is called from here."""
    found = shutil.which("bulkverify")
    return "bulkverify" if found else shlex.quote(str(Path(sysconfig.get_path("scripts"), "bulkverify")))
