"""The desk of whoever is called: an installation that runs, providers that do what a test wants, and a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from tests.builders.installation import PROGRAM, Installation
from tests.builders.runbook import service_manager
from tests.builders.runbook.page import Command, unlike
from tests.builders.sandboxed_site import SandboxedSite, a_sandboxed_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds that one command may take, on a machine that does other things too.
COMMAND_SECONDS = 60
#: Seconds that an answer of the exporter may take.
ANSWER_SECONDS = 10.0
#: What the page calls the place of the settings, and the exporter's.
ENVIRONMENT_FILE, EXPORTER = "/etc/bulkverify/bulkverify.env", "127.0.0.1:9464"


@dataclass(frozen=True)
class Desk(SandboxedSite):
    """A site, and a shell on it."""

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
        return requests.get(f"http://{self._exporter}/metrics", timeout=ANSWER_SECONDS).text

    @property
    def _exporter(self) -> str:
        return f"127.0.0.1:{self.metrics_port}"

    def _real(self, text: str, names: Mapping[str, str]) -> str:
        text = text.replace(ENVIRONMENT_FILE, str(self.folder / "bulkverify.env")).replace(EXPORTER, self._exporter)
        return re.sub(r"\b[A-Z]+\b", lambda found: names.get(found[0], found[0]), text)


@contextmanager
def a_desk(folder: Path) -> Iterator[Desk]:
    """All of it, running until the end of the block."""
    with a_sandboxed_site(folder) as site:
        _install_programs(folder, site.installation)
        yield Desk(**vars(site))


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
