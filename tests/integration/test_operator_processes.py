"""Commands and servers: which Redis they find, the simulated providers as a process, and a reader that goes away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from config.accounts import load_accounts
from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.records import an_upload, stored
from worker.cli.main import EXIT_READER_GONE
from worker.host.embedded import EmbeddedServer
from worker.store.client import connect
from worker.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "worker.cli.main"]


def test_without_a_server_the_remedy_is_told(tmp_path: Path) -> None:
    """With no Redis URL and no private server, commands say how to start one and end with 5."""
    command = CommandLine("", tmp_path)
    for arguments in (["ls"], ["result", "list-1"], ["run", "intake"]):
        done = command(*arguments)
        assert done.exit_code == ExitCode.UNAVAILABLE, done.output
        assert "start one with `bulkverify up`, or set BULKVERIFY_REDIS_URL" in done.stderr


def test_the_private_server_of_the_home_is_found(tmp_path: Path) -> None:
    """With no Redis URL, commands use the private server of the home folder while it runs."""
    with EmbeddedServer(tmp_path) as server:
        with closing(connect(server.url(), 5.0)) as client:
            stored(Store(client), an_upload("private-list"))
        listed = CommandLine("", tmp_path)("ls")
    assert "private-list" in listed.stdout, listed.output


@pytest.mark.processes
def test_sandbox_prints_an_accounts_file_that_leads_to_it(tmp_path: Path) -> None:
    """What `sandbox` prints is an accounts file whose URLs answer; SIGINT ends it well."""
    printed = tmp_path / "sandbox.toml"
    with printed.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([*PROGRAM, "sandbox", "--seconds-per-job", "0"], stdout=out, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: "[accounts.sandbox-whoisxml]" in printed.read_text(encoding="utf-8"), seconds=30)
        urls = tomllib.loads(printed.read_text(encoding="utf-8"))["accounts"]
        keys = {"SANDBOX_IPQS_KEY": "sandbox-ipqs-key", "SANDBOX_WHOISXML_KEY": "sandbox-whoisxml-key"}
        accounts = load_accounts(printed, keys)
        assert {name: account.base_url for name, account in accounts.items()} == {
            name: entry["base_url"] for name, entry in urls.items()
        }
        root = urls["sandbox-ipqs"]["base_url"].removesuffix("/ipqs/api")
        with urllib.request.urlopen(f"{root}/_sandbox/state") as answer:
            assert set(json.load(answer)) >= {"ipqs", "whoisxml"}
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, told.strip()) == (0, b"The simulated providers have stopped.")


@pytest.mark.processes
def test_sandbox_prints_its_accounts_as_json() -> None:
    """With --json one document holds the accounts and the variables with their keys, and nothing else is printed."""
    process = subprocess.Popen([*PROGRAM, "sandbox", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] not in (b"}\n", b""):
            lines.append(process.stdout.readline())
        document = json.loads(b"".join(lines))
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert set(document["environment"]) == {account["key_env"] for account in document["accounts"].values()}
    assert all(account["base_url"].startswith("http://127.0.0.1:") for account in document["accounts"].values())
    assert rest == b""


def test_sandbox_says_when_its_port_is_taken(tmp_path: Path) -> None:
    """A port that something else listens on is told with the remedy, and the exit code is that of wrong usage."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CommandLine("", tmp_path)("sandbox", "--port", str(port))
    assert done.exit_code == ExitCode.USAGE
    assert f"Cannot listen at 127.0.0.1:{port}" in done.stderr
    assert "Give another --port." in done.stderr


@pytest.mark.processes
def test_a_reader_that_has_gone_ends_a_command_quietly(redis_url: str, tmp_path: Path) -> None:
    """When standard output is closed early, nothing is printed about it and the exit code says so."""
    with closing(connect(redis_url, 5.0)) as client:
        for number in range(50):
            stored(Store(client), an_upload(f"list-{number}"))
    reading, writing = os.pipe()
    os.close(reading)
    env = {**os.environ, "BULKVERIFY_REDIS_URL": redis_url, "BULKVERIFY_HOME": str(tmp_path)}
    done = subprocess.run(
        [*PROGRAM, "ls", "--limit", "50", "--json"], stdout=writing, stderr=subprocess.PIPE, env=env, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (EXIT_READER_GONE, b"")
