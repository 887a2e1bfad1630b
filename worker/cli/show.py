"""`bulkverify show`: everything that is recorded of one upload and its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producers.exit_codes import ExitCode
from producers.parameters import UploadId
from worker.cli.epilog import exit_codes
from worker.cli.lookup import upload_to_tell
from worker.cli.tables import Column, print_fields, print_heading, print_json, print_table
from worker.cli.wording import moment, share, when
from worker.core.savings import Savings
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.cli.door import Door
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import ResultSummary

#: Parts that are shown; `--json` has all of them.
PARTS_SHOWN_MAX = 100
#: Fields of a record that mean nothing outside the store.
INTERNAL_FIELDS = {"txn"}

COLUMNS = (
    Column("part", right=True),
    Column("state"),
    Column("values", right=True),
    Column("done", right=True),
    Column("remote job"),
    Column("status"),
    Column("looks", right=True),
    Column("attempts", right=True),
    Column("method"),
    Column("credits", right=True),
    Column("next look"),
    Column("reason"),
)


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.argument("upload_id", metavar="UPLOAD", type=UploadId())
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else; times are epoch seconds.")
@click.pass_obj
def show(door: Door, *, upload_id: str, as_json: bool) -> None:
    """Show what is recorded of UPLOAD and its parts: counts, remote jobs, reasons, credits, times, the result.

    Exits 1 when there is no such upload; an upload's own state does not change the exit code.
    """
    store = door.store()
    left: dict[str, Unreadable] = {}
    try:
        upload = upload_to_tell(door, upload_id, as_json=as_json)
    except Unreadable as error:
        _show_left(upload_id, error, as_json=as_json)
        return
    if upload is None:
        return
    parts, now = list(store.parts_of(upload, left.__setitem__)), store.now()
    if as_json:
        as_they_are = [dict(error.fields) for error in left.values()]
        print_json({"now": now, "upload": _json(upload), "parts": [*map(_json, parts), *as_they_are]})
        return
    print_fields(_upload_fields(upload, parts, now))
    if upload.result is not None:
        print_heading("Result")
        print_fields(_result_fields(upload.result))
    if parts or left:
        print_heading("Parts")
        rows = [*(_part_row(part, now) for part in parts[:PARTS_SHOWN_MAX]), *map(_left_row, left.items())]
        print_table(COLUMNS, rows[:PARTS_SHOWN_MAX])
    if len(parts) > PARTS_SHOWN_MAX:
        click.echo(f"… and {len(parts) - PARTS_SHOWN_MAX:,} more parts; --json shows all of them")


def _show_left(upload_id: str, error: Unreadable, *, as_json: bool) -> None:
    """Show an upload that this program cannot read: its words as they are, and why there is no more."""
    if as_json:
        print_json({"upload": {"upload_id": upload_id, **error.fields}, "parts": [], "message": str(error)})
        return
    told = {name: error.fields.get(name) for name in ("account", "kind", "label", "producer")}
    print_fields([("upload", upload_id), ("state", error.state), *told.items(), ("message", str(error))])


def _left_row(left: tuple[str, Unreadable]) -> tuple[object, ...]:
    part_id, error = left
    unknown = [None] * (len(COLUMNS) - 3)
    return (part_id.rpartition("/")[2], error.state, *unknown, str(error))


def _json(record: UploadRecord | PartRecord) -> dict[str, object]:
    return record.model_dump(mode="json", exclude=INTERNAL_FIELDS)


def _upload_fields(upload: UploadRecord, parts: Sequence[PartRecord], now: float) -> Iterator[tuple[str, object]]:
    yield "upload", upload.upload_id
    yield "account", f"{upload.account} ({upload.provider})"
    yield "kind", upload.kind
    yield "label", upload.label
    yield "producer", upload.producer
    yield "correlation id", upload.trace.correlation_id
    yield "state", f"{upload.state} since {moment(upload.since)}"
    yield "reason", upload.reason
    yield "message", upload.message
    yield "cancellation", _cancellation(upload)
    yield (
        "source",
        f"{rows} rows in the request" if (rows := upload.source.get("rows")) else ", ".join(upload.source.values()),
    )
    yield "options", ", ".join(f"{name} {value}" for name, value in upload.options.items() if name != "screen")
    yield "screened", "values that cannot be of the kind are withheld" if upload.options.get("screen") else None
    yield "read as", upload.dialect and upload.dialect.get("why")
    yield "method", upload.method
    yield "segments", ", ".join(upload.segments)
    yield "reuse", upload.reuse_hours and f"verdicts of at most {upload.reuse_hours:g} hours ago"
    yield "result as", f"{upload.result_format}{', safe for spreadsheets' if upload.spreadsheet_safe else ''}"
    withheld = f", {upload.withheld:,} withheld" if upload.withheld else ""
    counts = f"{upload.distinct:,} to verify, {upload.folded:,} folded, {upload.empty:,} empty{withheld}"
    yield "rows", f"{upload.rows:,} ({counts})"
    yield "ragged", f"{upload.ragged:,} rows with more or fewer cells than columns" if upload.ragged else None
    yield "saved", str(_savings(upload, parts))
    if parts:
        yield "values done", share(sum(part.rows_done for part in parts), upload.distinct)
        yield "credits", _credits(parts)
    yield "created", moment(upload.created_at)
    yield "finished", upload.finished_at and moment(upload.finished_at)
    yield "kept until", upload.retain_until and moment(upload.retain_until)
    yield "next look", None if upload.terminal else when(upload.due_at, now)
    yield "lease", _lease(upload, now)


def _cancellation(upload: UploadRecord) -> str | None:
    if upload.terminal or not upload.cancel_requested:
        return None
    return "requested, without collecting what is paid" if upload.no_collect else "requested"


def _savings(upload: UploadRecord, parts: Sequence[PartRecord]) -> Savings:
    reused = sum(part.rows for part in parts if part.reused_from is not None)
    return Savings(folded=upload.folded, withheld=upload.withheld, reused=reused)


def _credits(parts: Sequence[PartRecord]) -> str:
    committed, reserved = sum(part.credits_committed for part in parts), sum(part.credits_reserved for part in parts)
    return f"{committed:,} spent" + (f", {reserved:,} reserved" if reserved else "")


def _lease(upload: UploadRecord, now: float) -> str | None:
    if upload.lease is None:
        return None
    return f"{upload.lease.owner}, ends {when(upload.lease.until, now)}"


def _result_fields(result: ResultSummary) -> Iterator[tuple[str, object]]:
    counts = result.counts
    yield "file", result.object
    yield "manifest", result.manifest
    yield "rows", f"{counts.rows:,} ({counts.matched:,} matched, {counts.folded:,} folded, {counts.empty:,} empty)"
    yield "withheld", f"{counts.withheld:,}" if counts.withheld else None
    yield "missing", f"{counts.missing:,}: the result is partial" if counts.missing else None
    yield "not fetched", f"{result.not_collected_rows:,}, though paid for" if result.not_collected_rows else None
    yield "verdicts", ", ".join(f"{number:,} {verdict}" for verdict, number in result.verdicts.items())
    yield "credits", f"{result.credits:,}"
    yield "reused", f"{result.reused_values:,} values, unpaid" if result.reused_values else None
    if result.rows_in_redis and result.rows_until is not None:
        yield "in Redis", f"until {moment(result.rows_until)}"
    elif result.rows_reason:
        yield "in Redis", f"no: {result.rows_reason.replace('_', ' ')}"
    for file in result.segments:
        yield f"{file.segment}, part {file.part}", file.url or "empty"


def _part_row(part: PartRecord, now: float) -> tuple[object, ...]:
    return (
        part.index,
        part.state,
        f"{part.rows:,}",
        share(part.rows_done, part.rows),
        part.remote_id,
        part.remote_word or None,
        part.looks,
        part.attempts,
        part.method or None,
        f"{part.credits_committed:,}",
        when(part.due_at, now),
        part.message or part.reason or _origin(part),
    )


def _origin(part: PartRecord) -> str:
    """Whose verdicts the part has, where they are not its own job's."""
    if part.reused_from is None or part.verified_at is None:
        return ""
    return f"reused from {part.reused_from}, verified {moment(part.verified_at)}"
