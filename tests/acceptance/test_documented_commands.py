"""The commands that the pages show beside the samples, typed word for word but for places, at a line that works."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from producers.exit_codes import ExitCode
from tests.builders.deadline import wait_until
from tests.builders.file_server import FileServer
from tests.builders.line import running_line
from tests.builders.records import an_upload, stored
from worker.core.states import UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from tests.builders.line import Line
    from worker.store.store import Store

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
CONTRACT, PRODUCTION = ROOT / "docs" / "contract.md", ROOT / "docs" / "production.md"
#: Seconds that one command may take, on a machine that does other things too.
COMMAND_SECONDS = 60
EMAILS = "email\nann@example.com\nbob@example.com\nann@example.com\n"
#: What the pages call the server, the list, and the host of a list elsewhere.
SERVER, LIST, HOST = "redis://localhost:6379/0", "/srv/lists/newsletter.csv", "https://files.example.com"


def block(page: Path, heading: str) -> str:
    """The one block below a heading of a page."""
    text = page.read_text(encoding="utf-8")
    _, _, section = text.partition(f"\n{heading}\n")
    (found,) = re.findall(r"```[a-z]*\n(.*?)```", re.split(r"\n##+ ", section)[0], flags=re.DOTALL)
    return str(found)


class Shell:
    """A folder to type commands in, whose `bulkverify`, `python` and `redis-cli` are those of this test."""

    def __init__(self, folder: Path, redis_url: str, **settings: object) -> None:
        self.folder = folder / "work"
        programs = folder / "bin"
        for part in (self.folder, programs):
            part.mkdir()
        server = urlsplit(redis_url)
        said = {"bulkverify": f"{sys.executable} -m worker.cli.main"}
        if found := shutil.which("redis-cli"):
            said["redis-cli"] = f"{found} -s {server.path} -n 0"
        for name, command in said.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
            (programs / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
        given = {"redis_url": redis_url, "home": folder, **settings}
        self.environment = (
            kept
            | {f"BULKVERIFY_{name.upper()}": str(value) for name, value in given.items()}
            | {"PYTHONPATH": str(ROOT), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        )

    @contextmanager
    def start(self, command: str) -> Iterator[subprocess.Popen[str]]:
        """A command that runs, and does not outlive the block."""
        with subprocess.Popen(
            ["bash", "-c", f"set -o pipefail\n{command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def type(self, command: str) -> str:
        """Everything that a command prints on either output; it ends with 0."""
        with self.start(command) as process:
            out, complaints = process.communicate(timeout=COMMAND_SECONDS)
        assert process.returncode == 0, (command, out, complaints)
        return out + complaints


@contextmanager
def a_desk(folder: Path, redis_url: str, broker_url: str) -> Iterator[tuple[Line, Shell, str]]:
    """A line whose intake reads by itself, a shell with lists beside it, and a host that serves these."""
    with FileServer(folder / "work") as site:
        host = site.url_of(Path("x")).partition("/x?")[0]
        with running_line(folder, redis_url, broker_url, pull_hosts=(urlsplit(host).netloc,)) as line:
            shell = Shell(folder, redis_url, storage_url=line.settings.storage_url)
            (shell.folder / "lists").mkdir()
            for name in ("newsletter.csv", "customers.csv", "lists/first.csv", "lists/second.csv"):
                (shell.folder / name).write_text(EMAILS.replace("bob", Path(name).stem), encoding="utf-8")
            (shell.folder / "contacts.txt").write_text("eve@example.com\nnone\n", encoding="utf-8")
            ended = threading.Event()

            def read() -> None:
                while not ended.is_set():
                    line.intake.read()

            intake = threading.Thread(target=read, name="intake")
            intake.start()
            try:
                yield line, shell, host
            finally:
                ended.set()
                intake.join(COMMAND_SECONDS)


def submit_crm(line: Line, shell: Shell) -> None:
    """Submit the upload whose id the pages show, with its rows in Redis."""
    path = shell.folder / "newsletter.csv"
    line.client.submit(path, account="ipqs-main", kind="email", upload_id="crm-2026-11", result="rows")


def finish_crm(line: Line) -> None:
    """Wait until that upload has its result."""
    line.client.wait("crm-2026-11", timeout_seconds=COMMAND_SECONDS)


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="this machine has no redis-cli")
def test_an_upload_is_followed_with_redis_cli(
    tmp_path: Path, redis_url: str, broker_url: str, redis_client: redis.Redis
) -> None:
    """Events, record, part counts and the rows in Redis are what the page says they are."""
    with a_desk(tmp_path, redis_url, broker_url) as (line, shell, _):
        with shell.start(block(CONTRACT, "## Follow: events")) as following:
            wait_until(lambda: "cmd=xread " in _clients(redis_client), seconds=COMMAND_SECONDS, what="the reader")
            submit_crm(line, shell)
            told, complaints = following.communicate(timeout=COMMAND_SECONDS)
        assert (following.returncode, complaints) == (0, "")
        assert {"accepted", "crm-2026-11", "details", "at", "v"} <= set(told.split())

        finish_crm(line)
        record, counts = block(CONTRACT, "## Look: the record").splitlines()
        fields = json.loads(shell.type(record))
        assert (fields["upload_id"], fields["state"], fields["rows"]) == ("crm-2026-11", "completed", 3)
        result = fields["result"]
        assert sum(result["verdicts"].values()) == result["counts"]["matched"] + result["counts"]["folded"] == 3
        words = shell.type(counts).split()
        occurring = {name: number for name, number in zip(words[::2], words[1::2], strict=True) if number != "0"}
        assert occurring == {"collected": "1", "rows_done": "2"}

        assert shell.type(block(CONTRACT, "### The rows in Redis")) == ""
        stored_csv = (tmp_path / "storage" / "results" / "crm-2026-11" / "result.csv").read_text(encoding="utf-8")
        assert (shell.folder / "verified.csv").read_text(encoding="utf-8") == f"{stored_csv}\n"


def _clients(client: redis.Redis) -> str:
    return " ".join(f"cmd={each['cmd']} " for each in client.client_list())


def test_the_python_client_and_the_shell_do_what_the_page_says(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The client's block prints a result, and each line of the shell's block succeeds, one after the other."""
    with a_desk(tmp_path, redis_url, broker_url) as (line, shell, host):
        submit_crm(line, shell)
        finish_crm(line)
        program = shell.folder / "program.py"
        text = block(CONTRACT, "## Python").replace(SERVER, redis_url)
        program.write_text(text.replace(LIST, str(shell.folder / "newsletter.csv")), encoding="utf-8")
        printed = shell.type(f"{sys.executable} {program}")
        assert "result.csv" in printed
        assert "bv_verdict" in printed.splitlines()[-1]

        *commands, follow = block(CONTRACT, "## Shell").replace(HOST, host).splitlines()
        assert follow == "bulkverify events --follow"
        assert len(commands) == len(SAID)
        with shell.start(f"exec {follow}") as following:
            for command, words in zip(commands, SAID, strict=True):
                said = shell.type(command)
                assert all(word in said for word in words), (command, said)
            assert following.stdout is not None
            assert any(" completed " in told for told in following.stdout)
            following.send_signal(signal.SIGINT)
            following.communicate(timeout=COMMAND_SECONDS)
        assert following.returncode == ExitCode.INTERRUPTED
        assert "bv_verdict" in (shell.folder / "verified.csv").read_text(encoding="utf-8")
        store = line.plant.context.store.client
        wait_until(lambda: store.xlen("bulkverify:uploads") == 0, seconds=COMMAND_SECONDS, what="every answer")
        rejected = [event.details for event in line.client.events() if event.event == "rejected"]
        assert rejected == []


#: What each line of the shell's block says, but for the last one.
SAID = (
    ("completed", "verified.csv"),
    ('"state": "requested"', "first.csv", "second.csv"),
    ("completed", "1 rows"),
    ("requested",),
    ("requested",),
    ("requested",),
    ("newsletter.csv", "known"),
    ("crm-2026-11", "completed"),
    ("results/crm-2026-11/result.csv",),
    ("completed", "verified.csv"),
    ("requested",),
)


def test_the_schema_is_printed(tmp_path: Path) -> None:
    """The command that the contract names for it prints the JSON Schema of a request."""
    (command,) = re.findall(r"`(bulkverify \w+)` prints the JSON Schema", CONTRACT.read_text(encoding="utf-8"))
    schema = json.loads(Shell(tmp_path, SERVER).type(command))
    assert {"version", "account", "kind", "source", "segments"} <= set(schema["properties"])


def test_many_are_cancelled_and_retried_at_once(tmp_path: Path, redis_url: str, store: Store) -> None:
    """`ls`, `cancel` and `retry` choose, tell and do as the page says, and nothing before a yes."""
    long_ago = store.now() - 3 * 3_600
    for upload_id, state, fields in (
        ("waiting", UploadState.ATTENTION, {"created_at": long_ago}),
        ("loading", UploadState.RUNNING, {"producer": "crm-test", "label": "load-1", "account": "whoisxml-main"}),
        ("going", UploadState.RUNNING, {}),
        ("stuck", UploadState.FAILED, {"reason": "storage_unavailable", "source": {"path": "/srv/lists/a.csv"}}),
    ):
        stored(store, an_upload(upload_id, state, **{"now": store.now(), **fields}))  # type: ignore[arg-type]  # of any kind
    shell = Shell(tmp_path, redis_url)
    look, cancel_told, cancel, retry_told, retry = block(PRODUCTION, "### Many at once").splitlines()

    assert "waiting" in shell.type(look)
    assert "1 upload" in shell.type(cancel_told)
    assert not _cancelling(store, "loading")
    assert "1 requested" in shell.type(cancel)
    assert _cancelling(store, "loading")
    assert not _cancelling(store, "going")
    assert "1 upload" in shell.type(retry_told)
    (document,) = [json.loads(told) for told in shell.type(retry).splitlines() if told.startswith("{")]
    assert document["upload_id"] == "stuck"


def _cancelling(store: Store, upload_id: str) -> bool:
    upload = store.upload(upload_id)
    return upload is not None and upload.cancel_requested
