"""`bulkverify top`: what the dashboards show, in a terminal, again and again."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from config.redaction import redactor
from producers.exit_codes import ExitCode
from worker.cli.epilog import exit_codes
from worker.cli.failures import failure_of
from worker.cli.tables import print_json, print_json_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.door import Door
    from worker.cli.health.reading import Reader
    from worker.cli.top.frame import Frame
    from worker.cli.top.layout import Line

#: Seconds between two frames: the default, the shortest and the longest.
INTERVAL_SECONDS = 2.0
INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX = 0.2, 3_600.0
#: Characters of a line where there is no terminal.
PLAIN_CHARACTERS = 160


class Outage(NamedTuple):
    """Why there is no frame now, and since when there is none (epoch seconds of this machine)."""

    message: str
    since: float


class Watch:
    """Takes frames; it is opened by the first one, and opened again for as long as that fails."""

    def __init__(self, door: Door) -> None:
        from worker.cli.top.pace import Pace  # noqa: PLC0415 - slow to import; the help does without it

        self._door = door
        self._reader: Reader | None = None
        self._pace = Pace()
        self._away_since: float | None = None

    def frame(self) -> Frame:
        """The installation now. Raises what says that it cannot be read."""
        from worker.cli.top.frame import Frame  # noqa: PLC0415 - as above
        from worker.cli.top.pace import Rows  # noqa: PLC0415 - as above

        self._reader = self._reader or self._opened()
        reading = self._reader.read()
        rows = Rows.of(reading.figures.counters)
        return Frame.of(reading, rows, self._pace.rate(reading.now, rows))

    def look(self) -> Frame | Outage:
        """The installation now, or why it cannot be read, if that may pass."""
        try:
            frame = self.frame()
        except Exception as error:
            failure = failure_of(error)
            if failure is None or failure.exit_code != ExitCode.UNAVAILABLE:
                raise
            self._away_since = self._away_since or time.time()
            return Outage(failure.message, self._away_since)
        self._away_since = None
        return frame

    def _opened(self) -> Reader:
        from worker.cli.health.reading import Reader  # noqa: PLC0415 - as above
        from worker.cli.outlook import accounts_here  # noqa: PLC0415 - as above

        door = self._door
        settings = door.server_settings()
        return Reader(settings, accounts_here(settings), door.store(), door.queues())


@click.command(epilog=exit_codes(ExitCode.OK, ExitCode.USAGE, ExitCode.UNAVAILABLE))
@click.option(
    "--interval",
    "interval_seconds",
    type=click.FloatRange(INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX),
    default=INTERVAL_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Time between two frames.",
)
@click.option("--once", is_flag=True, help="Print one frame, and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document a line and frame; with --once only one.")
@click.pass_obj
def top(door: Door, *, interval_seconds: float, once: bool, as_json: bool) -> None:
    """Watch the installation: what needs somebody, uploads and parts by state, rows a minute, queues, accounts.

    The numbers are those of the exporter, read from Redis by the same code. Of a queue, `3+1` are 3 messages that are
    ready and 1 that is being worked on; `late` is work that is due and was not looked at.

    Ctrl-C ends it. While Redis is away that is told, and tried again; with --once it is an error, as of other commands.
    Where standard output is no terminal, one frame is printed.
    """
    watch = Watch(door)
    try:
        if once and as_json:
            print_json(_document(watch.frame()))
        elif as_json:
            _stream(watch, interval_seconds)
        elif once or not sys.stdout.isatty():
            _print(watch.frame())
        else:
            _live(watch, interval_seconds)
    except KeyboardInterrupt:
        return


def _document(frame: Frame | Outage) -> dict[str, object]:
    document = frame._asdict() if isinstance(frame, Outage) else frame.as_document()
    redacted: dict[str, object] = redactor.redact_value(document, sink="command")
    return redacted


def _stream(watch: Watch, interval_seconds: float) -> None:
    while True:
        print_json_line(_document(watch.look()))
        sys.stdout.flush()
        time.sleep(interval_seconds)


def _print(frame: Frame) -> None:
    from worker.cli.top.layout import layout  # noqa: PLC0415 - as above

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_CHARACTERS
    for line in layout(frame, width):
        click.echo(click.style(redactor.redact(line.text, sink="command"), **_click_style(line)))


def _live(watch: Watch, interval_seconds: float) -> None:
    from rich.console import Console  # noqa: PLC0415 - slow to import, and of no use without a terminal
    from rich.live import Live  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    # Whoever ends it otherwise gets the terminal back as it was, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            width, height = console.size
            text = Text(no_wrap=True, overflow="crop")
            for line in _lines(watch.look(), width, height):
                text.append(redactor.redact(line.text, sink="command") + "\n", style=line.style)
            text.right_crop()
            live.update(text, refresh=True)
            time.sleep(interval_seconds)


def _lines(frame: Frame | Outage, width: int, height: int) -> Iterator[Line]:
    from worker.cli.top.layout import Line, layout  # noqa: PLC0415 - as above
    from worker.cli.wording import duration  # noqa: PLC0415 - as above

    if not isinstance(frame, Outage):
        yield from layout(frame, width, height)
        return
    away = duration(time.time() - frame.since)
    yield Line(f"bulkverify  no answer for {away}; tried again until Ctrl-C", "bold")
    for start in range(0, len(frame.message), width):
        yield Line(frame.message[start : start + width], "red")


def _click_style(line: Line) -> dict[str, Any]:
    if line.style in {"bold", "dim"}:
        return {line.style: True}
    return {"fg": line.style} if line.style else {}
