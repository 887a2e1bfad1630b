"""`bulkverify watch`: have every list verified that is put into a folder."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import click

from producers.contract import CONTRACT_VERSION
from producers.exit_codes import ExitCode, worst
from producers.parameters import EPILOG, TIMEOUT_SECONDS_MAX, ends_well
from producers.report import shown
from producers.request import from_fields
from producers.seconds import Seconds
from producers.upload_command import upload, wish_of
from producers.watch import UNFINISHED_SUFFIXES
from producers.watch_folder import Folder
from producers.watching import UNUSABLE_SECONDS, Rules, Watching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producers.upload_command import Asked
    from producers.uploading import Wish
    from producers.watch_events import Told

#: Seconds for which a file must hold still, and between two looks, unless the command line says otherwise.
SETTLE_SECONDS = 10.0
PERIOD_SECONDS = 5.0
#: Shortest and longest time between two looks, and longest settling time, in seconds.
PERIOD_SECONDS_MIN = 0.05
PERIOD_SECONDS_MAX = 3600
SETTLE_SECONDS_MAX = 24 * 3600
#: Seconds after which `--once` ends although files are left.
ONCE_SECONDS = 600.0

#: Options that are those of `upload`, with the same meaning.
_AS_UPLOAD_HAS = (
    "account", "kind", "column", "header", "delimiter", "encoding", "screen", "method", "segments", "result", "format",
    "spreadsheet_safe", "label",
)  # fmt: skip

_HELP = f"""Have every list verified that is put into FOLDER.

A file is submitted when its size and time have not changed for --settle seconds, or when it is renamed into place:
write it in FOLDER under a name that begins with a dot or ends in {" ".join(UNFINISHED_SUFFIXES)}, and rename it.
Such names, links, folders and pipes are never submitted. The upload's id follows from the content, so a list that was
uploaded before is recognised, and not paid for again, however often the watch is stopped and started. To verify one
anew, use `bulkverify upload --again`: a watch would do it on every start.

\b
FOLDER/done/      the workers have copied the list; the upload goes on
FOLDER/rejected/  intake refused it, or its upload has failed or was cancelled; NAME.reason.txt tells why

Until a file is in one of the two, leave it where it is: the workers read it there. A file that is empty or cannot be
read is tried again for {UNUSABLE_SECONDS:.0f} s, then rejected. A name that is taken gets a number: list.2.csv.

Ctrl-C ends the watch at once with code 130, SIGTERM after the step at hand with code 0; either is safe at any moment.
While Redis is away, the watch waits. For cron there is --once: it ends when the files that are there at its start are
dealt with, with code 0, or 1 if one was rejected, or 4 if some are left, or 5 if Redis is away.
"""


@click.command(help=_HELP, epilog=EPILOG)
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--pattern", metavar="GLOB", default="*", show_default=True, help="Names of the files that are lists.")
@click.option(
    "--settle",
    "settle_seconds",
    type=Seconds(0, SETTLE_SECONDS_MAX),
    default=SETTLE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long a file must hold still; at least two periods.",
)
@click.option(
    "--period",
    "period_seconds",
    type=Seconds(PERIOD_SECONDS_MIN, PERIOD_SECONDS_MAX),
    default=PERIOD_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Time between two looks.",
)
@click.option("--once", is_flag=True, help="End when the files that are there now are dealt with.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=Seconds(0, TIMEOUT_SECONDS_MAX),
    metavar="SECONDS",
    help=f"With --once, end after so long although files are left.  [default: {ONCE_SECONDS:.0f}]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document per event.")
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    *,
    folder: Path,
    pattern: str,
    settle_seconds: float,
    period_seconds: float,
    once: bool,
    timeout_seconds: float | None,
    as_json: bool,
    **wish: Asked,
) -> None:
    """Have every list verified that is put into a folder. The help is made above, since it names constants."""
    if timeout_seconds is not None and not once:
        raise click.UsageError("--timeout limits --once: give that, too.")
    limit_seconds = (ONCE_SECONDS if timeout_seconds is None else timeout_seconds) if once else inf
    rules = Rules(pattern, settle_seconds, period_seconds)
    with ends_well(ctx, lambda: "Files in the folder are dealt with when it is watched again."):
        asked = wish_of({**wish, "upload_id": None})
        _check(asked)
        watched = Folder(folder)
        watching = Watching(ctx.obj.client(), watched, asked, rules, lambda told: _print(told, as_json=as_json))
        with watched.alone(), _terminated(watching):
            if not as_json:
                click.echo(f"Watching {shown(str(watched.path))} for {pattern}; Ctrl-C ends it.", err=True)
            left = watching.run(once=once, timeout_seconds=limit_seconds)
    ctx.exit(_code(watching, left) if once else ExitCode.OK)


def _check(wish: Wish) -> None:
    """Refuse what no file could be submitted with. Raises `RequestInvalid`."""
    asked = {"account": wish.account, "kind": wish.kind, "options": dict(wish.options), "label": wish.label}
    wanted = {"method": wish.method, "segments": list(wish.segments), "result": wish.result, "screen": wish.screen}
    form = {"format": wish.format, "spreadsheet_safe": wish.spreadsheet_safe}
    from_fields({"version": CONTRACT_VERSION, "source": {"path": "/"}, **asked, **wanted, **form})


def _print(told: Told, *, as_json: bool) -> None:
    click.echo(told.as_json() if as_json else told.as_line())


@contextmanager
def _terminated(watching: Watching) -> Iterator[None]:
    """While the block runs, SIGTERM ends the watch in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: watching.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _code(watching: Watching, left: tuple[str, ...]) -> ExitCode:
    """How `--once` ends."""
    if left:
        click.echo(f"Left for the next time: {shown(', '.join(left))}", err=True)
    codes = {
        ExitCode.UNAVAILABLE: watching.away,
        ExitCode.FAILED: watching.rejected > 0,
        ExitCode.NOT_FINISHED: bool(left),
    }
    return worst(code for code, holds in codes.items() if holds)


# Where they are said for `upload`, after the folder.
watch.params[1:1] = [option for option in upload.params if option.name in _AS_UPLOAD_HAS]
