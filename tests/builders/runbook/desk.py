"""The desk of whoever is called: an installation that runs, providers that do what a test wants, and a shell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from producers.client import Client
from tests.builders.chaos.redis_server import BROKER_DB, STATE_DB, ChaosRedis
from tests.builders.installation import PROGRAM, Installation, Records, running_installation
from tests.builders.observed.site import SETTINGS, Sandboxes, running_sandboxes
from tests.builders.runbook import service_manager
from tests.builders.runbook.page import Command, unlike
from tests.builders.server_process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds that one command may take, on a machine that does other things too.
COMMAND_SECONDS = 60
#: Seconds that an answer of the exporter may take.
ANSWER_SECONDS = 10.0
#: Rows that an account of the day's budget may submit.
BUDGET_ROWS = 10
#: What the page calls the place of the settings, and the exporter's.
ENVIRONMENT_FILE, EXPORTER = "/etc/bulkverify/bulkverify.env", "127.0.0.1:9464"


@dataclass(frozen=True)
class Desk:
    """Everything that is there."""

    folder: Path
    #: The provider of `rough-…`, with which a test does what it likes; of `doubt-…`, which asks before it submits
    #: again; and of `calm-…`, which have a budget.
    rough: Sandboxes
    doubt: Sandboxes
    calm: Sandboxes
    redis: ChaosRedis
    installation: Installation
    records: Records
    exporter: str

    def submit(self, upload_id: str, account: str, *rows: str) -> str:
        """Submit a list of addresses, as an application does; without rows, one of one row."""
        path = self.installation.list_file(f"{upload_id}.txt", *(rows or (f"{upload_id}@example.com",)))
        with Client(self.installation.redis_url, producer="crm") as client:
            return client.submit(path, account=account, kind="email", upload_id=upload_id, options={"header": False})

    @contextmanager
    def frozen(self, *processes: str) -> Iterator[None]:
        """Processes that do nothing until the end of the block, or until somebody restarts them."""
        pids = [self.installation.pid(process) for process in processes]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def type(self, command: Command, names: Mapping[str, str]) -> str:
        """Type a command of the page, with real names in place of those of the page; what is not as the page says."""
        line, *prints = (self._real(text, names) for text in (command.line, *command.prints))
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.installation.environment | {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        wrong = [f"not printed: {told}" for told in unlike(prints, done.stdout)]
        if done.returncode not in command.exit_codes:
            wrong.append(f"ended with {done.returncode}")
        if "Traceback" in done.stdout:
            wrong.append("a traceback")
        return "\n".join([f"$ {line}", done.stdout, *wrong]) if wrong else ""

    def metrics(self) -> str:
        """What the exporter serves."""
        return requests.get(f"http://{self.exporter}/metrics", timeout=ANSWER_SECONDS).text

    def _real(self, text: str, names: Mapping[str, str]) -> str:
        text = text.replace(ENVIRONMENT_FILE, str(self.folder / "bulkverify.env")).replace(EXPORTER, self.exporter)
        return re.sub(r"\b[A-Z]+\b", lambda found: names.get(found[0], found[0]), text)


@contextmanager
def a_desk(folder: Path) -> Iterator[Desk]:
    """All of it, running until the end of the block."""
    redis, port = ChaosRedis(folder / "redis"), free_port()
    with ExitStack() as until_end:
        redis.start()
        until_end.callback(redis.kill)
        words = ("rough", "doubt", "calm")
        rough, doubt, calm = (until_end.enter_context(running_sandboxes(folder / word)) for word in words)
        accounts = folder / "accounts.toml"
        accounts.write_text(
            rough.accounts(folder, "rough")
            + doubt.accounts(folder, "doubt", 'when_absent = "ask"')
            + calm.accounts(folder, "calm", f"rows_per_day_max = {BUDGET_ROWS}")
        )
        installation = until_end.enter_context(
            running_installation(
                folder / "installation",
                accounts_file=accounts,
                redis_url=redis.url(STATE_DB),
                broker_url=redis.url(BROKER_DB),
                metrics_port=port,
                **SETTINGS,
            )
        )
        _install_programs(folder, installation)
        records = until_end.enter_context(installation.records())
        yield Desk(folder, rough, doubt, calm, redis, installation, records, f"127.0.0.1:{port}")


def _install_programs(folder: Path, installation: Installation) -> None:
    """Programs that the page names, where they are not the machine's; and the file of the settings."""
    log = installation.folder / "up.log"
    manager = Path(str(service_manager.__file__))
    said = {
        "bulkverify": f'exec {PROGRAM[0]} -m {PROGRAM[2]} "$@"',
        "systemctl": f'exec {sys.executable} {manager} {log} "$@"',
        "journalctl": f"exec cat {log}",
    }
    (folder / "bin").mkdir()
    for name, command in said.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
        program.chmod(0o755)
    assert shutil.which("redis-cli"), "redis-cli is not installed (Debian: apt-get install redis-tools)"
    settings = {name: value for name, value in installation.environment.items() if name.startswith("BULKVERIFY_")}
    text = "".join(f"{name}='{value}'\n" for name, value in settings.items())
    (folder / "bulkverify.env").write_text(text, encoding="utf-8")
