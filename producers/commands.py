"""The producers' commands, from `upload` to `schema`, for the command line that adds them.

Standard output holds what was asked for, a line or JSON document per upload; everything else goes to standard error.
The context object (`ctx.obj`) is the door to the server, a `Door`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from producers.errors import NoResult, Rejected
from producers.following import deliver, follow, target_of
from producers.links import link_option, links_to, seconds_option
from producers.parameters import (
    EPILOG,
    Door,
    Printer,
    UploadId,
    ends_well,
    json_option,
    output_option,
    since,
    timeout_option,
)
from producers.progress import progress
from producers.report import Report, report_of_error, report_of_result, shown
from producers.request import json_schema
from producers.upload_command import upload
from producers.watch_command import watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from producers.client import Client
    from producers.records import Event
    from producers.results import Result

__all__ = ["COMMANDS", "Door", "events", "result", "schema", "upload", "wait", "watch"]


@click.command(epilog=EPILOG)
@click.argument("upload_ids", nargs=-1, required=True, metavar="ID...", type=UploadId())
@timeout_option
@json_option
@click.pass_context
def wait(ctx: click.Context, *, upload_ids: tuple[str, ...], timeout_seconds: float | None, as_json: bool) -> None:
    """Wait until each upload ends, or needs a person.

    An upload that nobody knows yet is waited for, too.
    """
    printer = Printer(as_json=as_json)
    names = {upload_id: upload_id for upload_id in upload_ids}
    with ends_well(ctx, lambda: f"Nothing is lost; wait again with: bulkverify wait {' '.join(names)}"):
        try:
            with progress(quiet=as_json) as display:
                for report in follow(ctx.obj.client(), names, display, timeout_seconds):
                    printer.add(report)
        finally:
            printer.print_lines()
    ctx.exit(printer.code)


@click.command(epilog=EPILOG)
@click.argument("upload_id", metavar="ID", type=UploadId())
@output_option
@link_option
@seconds_option
@json_option
@click.pass_context
def result(
    ctx: click.Context, *, upload_id: str, output: Path | None, link: bool, seconds: int | None, as_json: bool
) -> None:
    """Print where an upload's result is, a path or a URL and nothing else, or copy it to OUT.

    With --link it is an address by which anybody can fetch the result for a time: keep it as secret as the list.
    """
    if (link and output is not None) or (seconds is not None and not link):
        raise click.UsageError("--link goes without --output, and --seconds with --link only.")
    with ends_well(ctx):
        client = ctx.obj.client()
        report = _result_report(client, upload_id)
        if output is not None:
            report = deliver(client, report, target_of(report, output))
        links = links_to(ctx.obj, report, seconds) if link else None
    if as_json:
        click.echo(report.as_json() if links is None else links.as_json(report))
    elif report.result is None or report.failed:
        click.echo(f"Error: {shown(' '.join(filter(None, (report.message, report.remedy))))}", err=True)
    else:
        click.echo(links.result if links else report.output or report.result.path or report.result.url)
        for line in _notes(report.result, copied=report.output is not None):
            click.echo(shown(line), err=True)
    ctx.exit(report.code)


@click.command(epilog=EPILOG)
@click.argument("upload_id", metavar="[ID]", required=False, type=UploadId())
@click.option("--follow", "follows", is_flag=True, help="Go on with the events to come, until Ctrl-C.")
@click.option("--since", type=since, metavar="EVENT", default="0", help="Begin after this event id; $ begins now.")
@json_option
@click.pass_context
def events(ctx: click.Context, *, upload_id: str | None, follows: bool, since: str, as_json: bool) -> None:
    """Print what happened to an upload, or to all, oldest first, as far back as events are kept."""
    with ends_well(ctx):
        for event in ctx.obj.client().events(upload_id, since=since, follow=follows):
            click.echo(event.model_dump_json() if as_json else _line_of(event))


@click.command()
def schema() -> None:
    """Print the JSON Schema of an upload request, which an application in any language can check against."""
    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))


#: What a command line adds to its group.
COMMANDS: tuple[click.Command, ...] = (upload, watch, wait, result, events, schema)


def _result_report(client: Client, upload_id: str) -> Report:
    """The report on an upload whose result is asked for."""
    try:
        return report_of_result(client.result(upload_id))
    except (NoResult, Rejected) as error:
        return report_of_error(upload_id, error)


def _notes(result: Result, *, copied: bool) -> Iterator[str]:
    """What else is to be known of a result."""
    if result.partial:
        yield f"The result is partial: {result.counts.missing:,} rows are missing."
    if result.rows_csv is not None and not copied:
        yield "It cannot be read on this machine; with --output it is copied out of Redis."
    for file in result.segments:
        yield f"Segment {file.segment} of part {file.part}: {file.url or 'empty'}"


def _line_of(event: Event) -> str:
    at = datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    details = json.dumps(event.details, ensure_ascii=False, sort_keys=True) if event.details else ""
    return shown("  ".join(filter(None, (event.id, at, event.event, event.upload_id or "-", details))))
