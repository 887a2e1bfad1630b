"""`bulkverify top` on a real Redis and in a real terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import redis

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import accounts_file
from tests.builders.records import a_part, a_running_upload, an_upload, stored
from tests.builders.scraped import exporter_settings, scrape
from tests.builders.stores import everything
from worker.core.change import Change, Entry
from worker.core.states import PartState, UploadState
from worker.exporter.server import Exporter
from worker.host.embedded import EmbeddedServer
from worker.store.pulse import Pulse, Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store

#: Lines and characters of the smallest terminal that has to do.
TERMINAL = (24, 80)


@pytest.fixture
def command(redis_url: str, broker_url: str, tmp_path: Path) -> CommandLine:
    """Return the command line on these databases, with two accounts."""
    accounts_file(tmp_path, "http://127.0.0.1:1")
    line = CommandLine(redis_url, tmp_path)
    line.environment["BULKVERIFY_BROKER_URL"] = broker_url
    return line


def heard(store: Store) -> None:
    """Every role is heard."""
    for role in Role:
        Pulse(store, role, f"{role}-1").beat()


def test_one_frame_works_without_a_terminal(store: Store, command: CommandLine) -> None:
    """States, accounts and what needs somebody are printed once, and nothing is changed."""
    heard(store)
    a_running_upload(store)
    before = everything(store)
    result = command("top", "--once")
    assert everything(store) == before
    assert result.exit_code == 0, result.output
    told = result.stdout.splitlines()
    assert "intake 1  worker 1  poller 1  timekeeper 1" in told[0]
    assert "! part list-1/3 waits for a person: No answer came" in told
    assert "    bulkverify why list-1" in told
    assert "Uploads  attention 1" in told
    assert "Parts    pending 1 · submitted 1 · collected 1 · quarantined 1" in told
    assert [line.split()[0] for line in told[-3:]] == ["account", "ipqs-main", "whoisxml-main"]
    assert command("top").stdout.splitlines()[1:] == told[1:]


def test_the_numbers_are_those_of_the_exporter(
    store: Store, command: CommandLine, redis_url: str, broker_url: str, tmp_path: Path
) -> None:
    """Uploads, parts, jobs, rows and processes are what a scrape of the same moment shows."""
    heard(store)
    a_running_upload(store)
    rows = ("rows", "ipqs", "email")
    counters: dict[tuple[str, ...], int] = {(*rows, "sent"): 400, (*rows, "matched"): 90}
    store.commit(Change("counted", "list-1", "ipqs-main", counters=counters, ledger={Entry.RESERVED: 100}))
    document = command.parsed("top", "--once", "--json")
    with Exporter(exporter_settings(redis_url, broker_url, tmp_path), {"ipqs-main": "ipqs"}) as exporter:
        page = scrape(exporter)
    ours = {"provider": "ipqs", "account": "ipqs-main"}
    for record in ("uploads", "parts"):
        scraped = {sample.labels["state"]: sample.value for sample in page.samples(record) if sample.value}
        assert document[record] == scraped
    (account, _) = document["accounts"]
    assert account["jobs"] == page.value("active_jobs", **ours)
    assert account["rows_today"] == page.value("account_budget_used_rows", **ours)
    assert document["rows"]["sent"] == page.value("rows_total", provider="ipqs", kind="email", disposition="sent")
    assert document["rows"]["delivered"] == 90
    assert document["processes"]["poller"] == page.value("processes", process="poller")


def commands_of_a_frame(command: CommandLine, store: Store) -> int:
    """How many commands one frame sends, with the one that asks for their number."""
    before = store.client.info("stats")["total_commands_processed"]
    assert command("top", "--once").exit_code == 0
    return int(store.client.info("stats")["total_commands_processed"] - before)


def test_a_frame_costs_no_more_where_there_is_more(store: Store, command: CommandLine) -> None:
    """A thousand more parts in the same states, also in quarantine, cost not one command more."""
    states = (PartState.SUBMITTED, PartState.QUARANTINED)
    counted = []
    for number, parts in enumerate((20, 1_000)):
        found = [a_part(f"list-{number}", index, states[index % 2], reason="no_control") for index in range(parts)]
        stored(store, an_upload(f"list-{number}", UploadState.ATTENTION, parts_total=parts), *found)
        counted.append(commands_of_a_frame(command, store))
    assert counted[0] == counted[1]


def test_without_a_server_one_frame_is_an_error(command: CommandLine) -> None:
    """It ends as other commands do when Redis cannot be used."""
    command.environment["BULKVERIFY_REDIS_URL"] = "redis://127.0.0.1:1/0"
    command.environment["BULKVERIFY_BROKER_URL"] = "redis://127.0.0.1:1/1"
    result = command("top", "--once")
    assert result.exit_code == ExitCode.UNAVAILABLE
    assert "BULKVERIFY_REDIS_URL" in result.stderr
    command.environment |= {"BULKVERIFY_REDIS_URL": "", "BULKVERIFY_BROKER_URL": ""}


class Screen:
    """`bulkverify top` in a terminal of its own, and everything that it has written there."""

    def __init__(self, environment: dict[str, str], *arguments: str) -> None:
        self._terminal, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *TERMINAL, 0, 0))
        self.written = b""
        command = [sys.executable, "-m", "worker.cli.main", "top", "--interval", "0.2", *arguments]
        name = os.ttyname(self._theirs)
        self.process = subprocess.Popen(
            # The first terminal that a session's leader opens is the one whose Ctrl-C it gets.
            ["sh", "-c", f'exec "$@" <{name} >{name} 2>&1', "sh", *command],
            env=os.environ | {"TERM": "xterm-256color"} | environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._terminal, 65_536):
                self.written += piece
        except OSError:
            return  # the terminal's other side is closed: the process has ended

    def shows(self, text: str) -> None:
        """Return once that text was written after what was looked for before."""
        wanted = text.encode()
        wait_until(lambda: wanted in self.written, seconds=60, what=f"{text!r} on the screen")
        self.written = self.written.partition(wanted)[2]

    def press_ctrl_c(self) -> int:
        """Press Ctrl-C, and wait for the end; the exit code."""
        os.write(self._terminal, b"\x03")
        code = self.process.wait(60)
        self.read_the_rest()
        return code

    def read_the_rest(self) -> None:
        """Wait until all that was written has been read, once nobody can write any more."""
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
        self._reader.join(60)

    def close(self) -> None:
        """End the process, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)
        self.read_the_rest()
        os.close(self._terminal)


@contextmanager
def screen(environment: dict[str, str], *arguments: str) -> Iterator[Screen]:
    """A terminal with `bulkverify top` in it until the end of the block."""
    shown = Screen(environment, *arguments)
    try:
        yield shown
    finally:
        shown.close()


@pytest.mark.processes
def test_in_a_terminal_it_goes_on_until_ctrl_c(store: Store, command: CommandLine) -> None:
    """What changes is seen in a later frame; Ctrl-C ends it with 0, and gives the terminal back as it was."""
    heard(store)
    with screen(command.environment) as shown:
        shown.shows("Nothing needs anybody.")
        a_running_upload(store)
        shown.shows("part list-1/3 waits for a person")
        shown.shows("attention 1")
        assert shown.press_ctrl_c() == 0
        # The other screen is left, and the cursor is visible again.
        assert b"\x1b[?1049l" in shown.written
        assert b"\x1b[?25h" in shown.written
        assert b"Traceback" not in shown.written


@pytest.mark.processes
def test_whoever_ends_it_otherwise_gets_the_terminal_back(store: Store, command: CommandLine) -> None:
    """SIGTERM ends it as Ctrl-C does."""
    heard(store)
    with screen(command.environment) as shown:
        shown.shows("Nothing needs anybody.")
        shown.process.terminate()
        assert shown.process.wait(60) == 0
        shown.read_the_rest()
        assert b"\x1b[?1049l" in shown.written


@pytest.mark.processes
def test_while_redis_is_away_that_is_told_and_tried_again(tmp_path: Path) -> None:
    """It is not there, it comes, it goes, it comes again: no traceback, and the frames go on."""
    home = tmp_path / "home"
    home.mkdir()
    accounts_file(home, "http://127.0.0.1:1")
    server = EmbeddedServer(home)
    with screen({"BULKVERIFY_HOME": str(home)}) as shown:
        shown.shows("no answer for")
        shown.shows("No server is running")
        for _ in range(2):
            with server:
                shown.shows("no intake is heard")
            shown.shows("no answer for")
        assert shown.press_ctrl_c() == 0
        assert b"Traceback" not in shown.written


@pytest.mark.processes
def test_programs_get_one_document_a_line(store: Store, command: CommandLine, redis_url: str) -> None:
    """A document a frame until Ctrl-C; one line each, without a terminal too."""
    heard(store)
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.cli.main", "top", "--json", "--interval", "0.2"],
        stdout=subprocess.PIPE,
        env=os.environ | command.environment,
    )
    assert process.stdout is not None
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    process.send_signal(signal.SIGINT)
    assert (process.wait(60), process.stdout.close()) == (0, None)
    assert first["at"] < second["at"]
    assert (first["rows_per_minute"], second["rows_per_minute"]) == (None, {"sent": 0.0, "delivered": 0.0})
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
