"""The simulated providers ended and started again beside an installation that goes on: its uploads stay good."""

from __future__ import annotations

import subprocess
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from producers.client import Client
from tests.builders.deadline import wait_until
from tests.builders.installation import PROGRAM, START_SECONDS, running_installation
from tests.builders.server_process import free_port
from worker.cli import sandbox_command
from worker.cli.sandbox_command import sandbox
from worker.providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEYS = {"SANDBOX_IPQS_KEY": "sandbox-ipqs-key", "SANDBOX_WHOISXML_KEY": "sandbox-whoisxml-key"}
ACCOUNTS = ("sandbox-ipqs", "sandbox-whoisxml")


@contextmanager
def a_sandbox(printed: Path, port: int) -> Iterator[None]:
    """`bulkverify sandbox` at `port`, running until the end of the block; its accounts file is `printed`."""
    quick = ("--seconds-queued", "0", "--seconds-per-job", "0.1")
    with printed.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([*PROGRAM, "sandbox", "--port", str(port), *quick], stdout=out)
    try:
        wait_until(
            lambda: "[accounts.sandbox-whoisxml]" in printed.read_text(encoding="utf-8"),
            seconds=START_SECONDS,
            what="the simulated providers",
        )
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@pytest.mark.processes
def test_uploads_complete_across_a_restart_of_the_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One home, two runs of the simulators: both lists complete, and the second run's job ids are the higher ones."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    printed, port = tmp_path / "sandbox.toml", free_port()
    with a_sandbox(printed, port):
        accounts = tmp_path / "accounts.toml"
        accounts.write_text(printed.read_text(encoding="utf-8"), encoding="utf-8")
        assert set(tomllib.loads(accounts.read_text(encoding="utf-8"))["accounts"]) == set(ACCOUNTS)
    with running_installation(tmp_path / "installation", accounts_file=accounts) as here, here.records() as records:
        ids: dict[str, list[int]] = {account: [] for account in ACCOUNTS}
        for run in ("first", "second"):
            with a_sandbox(printed, port), Client(here.redis_url) as client:
                uploads = {account: f"{run}-{account}" for account in ACCOUNTS}
                for account, upload_id in uploads.items():
                    path = here.list_file(f"{upload_id}.txt", "ann@example.com", f"{run}@example.com")
                    client.submit(path, account=account, kind="email", upload_id=upload_id)
                records.wait_for_uploads("completed", *uploads.values())
                for account, upload_id in uploads.items():
                    ids[account] += [int(str(part.remote_id)) for part in records.parts(upload_id)]
        for first, second in ids.values():
            assert first < second


@pytest.mark.parametrize(("arguments", "same"), [([], False), (["--seed", "0"], True)])
def test_ids_begin_anew_only_with_a_seed(monkeypatch: pytest.MonkeyPatch, arguments: list[str], *, same: bool) -> None:
    """Runs a second apart have first ids that grow; with a seed given, whichever, they are the same in every run."""
    firsts: list[tuple[int, int]] = []

    def stop_at_once(self: SandboxServer) -> None:
        firsts.append((self.ipqs.knobs.first_id, self.whoisxml.knobs.first_id))

    monkeypatch.setattr(SandboxServer, "wait", stop_at_once)
    for second in range(2):
        monkeypatch.setattr(sandbox_command, "time", lambda second=second: 1_800_000_000.0 + second)
        done = CliRunner().invoke(sandbox, arguments)
        assert done.exit_code == 0, done.output
    (one, another) = firsts
    assert (one == another) is same
    assert same or all(later - earlier >= 1 for earlier, later in zip(one, another, strict=True))
