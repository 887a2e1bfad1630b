"""`bulkverify upload`: have lists verified, and bring the results back if that is wanted."""

from __future__ import annotations

import re
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, get_args

import click

from producers.contract import AGAIN_PATTERN, REUSE_HOURS_MAX
from producers.dry_runs import DryRuns
from producers.errors import ProducerError
from producers.following import deliver, follow, target_of
from producers.parameters import (
    EPILOG,
    Printer,
    UploadId,
    column,
    delimiter,
    ends_well,
    json_option,
    output_option,
    timeout_option,
)
from producers.progress import progress
from producers.report import report_of_error, shown
from producers.request import Kind, Method, ResultFormat, ResultPlace, Segment
from producers.standard_input import STANDARD_INPUT, rows_of
from producers.uploading import Elsewhere, Uploading, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from producers.display import Display
    from producers.request import UploadRequest

#: What an option may hold.
Asked: TypeAlias = str | int | float | bool | tuple[str, ...] | None
#: Options of the command that say how to read the files.
_ROW_OPTIONS = ("column", "header", "delimiter", "encoding")
#: Bytes of chance in a word that is made for `--again`, beside the day.
AGAIN_WORD_BYTES = 4


class _AgainWord(click.ParamType[str]):
    """A word of the person's own; empty, one is to be made."""

    name = "WORD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word itself; fails for what can be none, and for a file that stands where the word is expected."""
        word = str(value)
        if word and Path(word).exists():
            self.fail(
                f"took the file {shown(word)!r} for its word: write --again=WORD, or put --again last", param, ctx
            )
        if word and not re.fullmatch(AGAIN_PATTERN, word):
            self.fail(f"{shown(word)!r} is no such word: 1 to 40 of A-Z a-z 0-9 . _ -", param, ctx)
        return word


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, metavar="[FILE...]", type=click.Path(path_type=Path))
@click.option("--url", metavar="URL", help="Instead of files: a list in the folder inputs of the workers' storage.")
@click.option("--remote-url", metavar="URL", help="Instead of files: a list on a host that the workers may read from.")
@click.option("--account", required=True, metavar="A", help="The account that pays.")
@click.option(
    "--kind", type=click.Choice(get_args(Kind)), metavar="KIND", default="email", show_default=True,
    help=f"What is verified: {', '.join(get_args(Kind))}.",
)  # fmt: skip
@click.option("--id", "upload_id", type=UploadId(), help="The upload's id.  [default: derived from the content]")
@click.option(
    "--column", type=column, metavar="C", help="The values' column: a name, or a number from 0.  [default: found out]"
)
@click.option("--header/--no-header", default=None, help="Whether the first row holds names.  [default: found out]")
@click.option(
    "--delimiter", type=delimiter, metavar="D", help="The character between cells, or tab.  [default: found out]"
)
@click.option("--encoding", metavar="E", help="The files' encoding.  [default: found out]")
@click.option(
    "--screen", is_flag=True,
    help="Withhold values that cannot be of the kind, unpaid: they are in the result, and are not sent.",
)  # fmt: skip
@click.option(
    "--method", type=click.Choice(get_args(Method)), metavar="M", default="auto", show_default=True,
    help=f"How the lists go to the provider: {', '.join(get_args(Method))}.",
)  # fmt: skip
@click.option(
    "--segment", "segments", type=click.Choice(get_args(Segment)), metavar="S", multiple=True,
    help=f"What of the result is wanted as the provider's own file, too: {', '.join(get_args(Segment))}. Repeatable.",
)  # fmt: skip
@click.option(
    "--result", type=click.Choice(get_args(ResultPlace)), metavar="PLACE", default="storage", show_default=True,
    help="Where the result is wanted: storage; or rows, in Redis too, for a machine without the storage.",
)  # fmt: skip
@click.option(
    "--format", type=click.Choice(get_args(ResultFormat)), metavar="F", default="csv", show_default=True,
    help="What the result is written as: csv, or jsonl, an object a row.",
)  # fmt: skip
@click.option(
    "--spreadsheet-safe", is_flag=True,
    help="Put an apostrophe before cells of the CSV that a spreadsheet would run as formulas.",
)  # fmt: skip
@click.option(
    "--again", type=_AgainWord(), metavar="[WORD]", is_flag=False, flag_value="",
    help="Have lists verified, and paid for, that were verified before. The same WORD is the same upload.  "
    "[default: a word is made and told]",
)  # fmt: skip
@click.option(
    "--reuse", type=click.FloatRange(0, REUSE_HOURS_MAX, min_open=True), metavar="HOURS",
    help="Take over verdicts that the account has on the very values of a part and that are at most so old, unpaid. "
    "The list is another upload than without it.  [default: verify all]",
)  # fmt: skip
@click.option("--label", metavar="L", default="", help="A word for people, also in the job's name at the provider.")
@click.option("--correlation-id", metavar="ID", help="An id of your own, which the workers' log and events carry.")
@click.option(
    "--dry-run", "dry", is_flag=True, help="Submit nothing: tell what each list holds, and what it would cost at most."
)
@click.option("--wait", "waits", is_flag=True, help="Wait until the uploads end, and show their progress.")
@timeout_option
@output_option
@json_option
@click.pass_context
def upload(
    ctx: click.Context,
    /,
    *,
    files: tuple[Path, ...],
    url: str | None,
    remote_url: str | None,
    dry: bool,
    waits: bool,
    timeout_seconds: float | None,
    output: Path | None,
    as_json: bool,
    **wish: Asked,
) -> None:
    """Have each FILE verified; with - for FILE, the values on standard input, one a line.

    A list that was uploaded before is recognised by its content, and not paid for again: the earlier upload is
    reported, and waited for. To verify the same content anew, give --again. With --output the command waits, too.

    With --dry-run nothing is submitted, written or spent: it ends with 0 if every list could be submitted.
    """
    waits = waits or output is not None
    if dry:
        _check_dry(ctx.obj, waits=waits)
    _check_source(files, url, remote_url)
    _check(files, output, timeout_seconds, waits=waits, named=wish["upload_id"] is not None)
    wish["again"] = _again(wish["again"], named=wish["upload_id"] is not None)
    printer = Printer(as_json=as_json)
    names: dict[str, str] = {}
    with ends_well(ctx, lambda: _left_behind(names)):
        try:
            with progress(quiet=as_json) as display:
                uploading = Uploading(ctx.obj.client(), wish_of(wish), display, names)
                source = _elsewhere(files, url, remote_url)
                if dry:
                    ctx.obj.dry_run(_requests(uploading, files, source), display, printer.add)
                else:
                    _submit(uploading, files, source)
                    _report(uploading, display, printer, timeout_seconds, output, waits=waits)
        except ProducerError as error:
            if as_json and not names:
                # A URL is not repeated: one that was refused may have been so for the secret in it.
                printer.add(report_of_error("", error, str(files[0]) if len(files) == 1 else None))
            raise
        finally:
            printer.print_lines()
    if not waits and not as_json and names:
        click.echo(f"Follow with: bulkverify wait {' '.join(names)}", err=True)
    ctx.exit(printer.code)


def _requests(uploading: Uploading, files: tuple[Path, ...], source: Elsewhere | None) -> dict[str, UploadRequest]:
    """The requests that would be submitted, by the names of their lists."""
    return uploading.requests(files) if source is None else {source.name: uploading.request_elsewhere(source)}


def _submit(uploading: Uploading, files: tuple[Path, ...], source: Elsewhere | None) -> None:
    if source is None:
        uploading.submit(files)
    else:
        uploading.submit_elsewhere(source)


def _report(
    uploading: Uploading,
    display: Display,
    printer: Printer,
    timeout_seconds: float | None,
    output: Path | None,
    *,
    waits: bool,
) -> None:
    """Report on every file: when its upload ends where somebody waits, else as it stands."""
    for failed in uploading.failed:
        printer.add(failed)
    if not waits or uploading.failed:
        for report in uploading.reports_at_once():
            printer.add(report)
        return
    for ended in follow(uploading.client, uploading.names, display, timeout_seconds):
        report = uploading.complete(ended)
        if output is not None:
            report = deliver(uploading.client, report, target_of(report, output))
        printer.add(report)


def wish_of(given: Mapping[str, Asked]) -> Wish:
    """What the command line asks for every file."""
    upload_id, segments, reuse = given["upload_id"], given.get("segments"), given.get("reuse")
    return Wish(
        account=str(given["account"]),
        kind=str(given["kind"]),
        upload_id=None if upload_id is None else str(upload_id),
        options={name: given[name] for name in _ROW_OPTIONS if given[name] is not None},
        label=str(given["label"]),
        method=str(given.get("method", "auto")),
        segments=segments if isinstance(segments, tuple) else (),
        result=str(given.get("result", "storage")),
        again=None if given.get("again") is None else str(given["again"]),
        reuse=reuse if isinstance(reuse, float) else None,
        screen=bool(given.get("screen")),
        format=str(given.get("format", "csv")),
        spreadsheet_safe=bool(given.get("spreadsheet_safe")),
        correlation_id=None if given.get("correlation_id") is None else str(given["correlation_id"]),
    )


def _check_dry(door: object, *, waits: bool) -> None:
    """Refuse a dry run where nobody can judge as workers do, or where something is to be waited for."""
    if waits:
        raise click.UsageError("--dry-run submits nothing, so there is nothing to --wait for and no --output.")
    if not isinstance(door, DryRuns):
        raise click.UsageError("--dry-run needs the workers' package, which is not installed here.")


def _check_source(files: tuple[Path, ...], url: str | None, remote_url: str | None) -> None:
    """Refuse a command line that does not say where the list is, or says it twice."""
    if sum((bool(files), url is not None, remote_url is not None)) != 1:
        raise click.UsageError("Name what is to be verified: files, or one of --url and --remote-url.")
    if len(files) > 1 and STANDARD_INPUT in map(str, files):
        raise click.UsageError("- stands for the values on standard input, which are a list of their own.")


def _elsewhere(files: tuple[Path, ...], url: str | None, remote_url: str | None) -> Elsewhere | None:
    """The list that is no file of this machine, if it is that. Raises `SourceUnusable` for what cannot be read."""
    if url is not None:
        return Elsewhere(url, url=url)
    if remote_url is not None:
        return Elsewhere(remote_url, remote_url=remote_url)
    if str(files[0]) == STANDARD_INPUT:
        return Elsewhere(STANDARD_INPUT, rows=rows_of(sys.stdin.buffer))
    return None


def _again(word: Asked, *, named: bool) -> str | None:
    """The word of `--again`, made and told where none was given; `None` without the option."""
    if word is None:
        return None
    if named:
        raise click.UsageError("--id and --again do not go together: another --id is another upload already.")
    if word == "":
        word = f"{datetime.now(UTC):%Y-%m-%d}-{secrets.token_hex(AGAIN_WORD_BYTES)}"
        click.echo(f"To repeat this command without paying once more, give it --again={word}", err=True)
    return str(word)


def _check(
    files: tuple[Path, ...], output: Path | None, timeout_seconds: float | None, *, waits: bool, named: bool
) -> None:
    """Refuse what cannot be meant, before anything is submitted."""
    if named and len(files) > 1:
        raise click.UsageError("--id names one upload, but there are several files.")
    if timeout_seconds is not None and not waits:
        raise click.UsageError("--timeout limits a wait: give --wait or --output, too.")
    if output is None:
        return
    if len(files) > 1 and not output.is_dir():
        raise click.UsageError(f"--output {output} is not a folder, but there are several files.")
    if not output.parent.is_dir():
        raise click.UsageError(f"--output {output} is in a folder that does not exist.")
    if any(output.exists() and file.exists() and output.samefile(file) for file in files):
        raise click.UsageError(f"--output {output} would overwrite the list itself.")


def _left_behind(names: Mapping[str, str]) -> str:
    if not names:
        return "Nothing was submitted."
    return f"What was submitted goes on; wait for it with: bulkverify wait {' '.join(names)}"
