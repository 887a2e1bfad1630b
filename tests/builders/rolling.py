"""Processes of the next version beside an installation of the present one, on the same Redis and storage."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.builders.deadline import wait_until
from tests.builders.installation import START_SECONDS, STOP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.builders.installation import Installation

#: The folder from which the launcher is imported.
ROOT = Path(__file__).parents[2]
#: The processes that do the work.
WORKING = ("intake", "worker", "poller")


class Newer:
    """The processes of the next version."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._processes = processes

    def pause(self) -> None:
        """Freeze them all, wherever they are."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)

    def stop(self) -> list[int]:
        """Ask them to end; their exit codes."""
        self.resume()
        for process in self._processes:
            process.terminate()
        return [process.wait(STOP_SECONDS) for process in self._processes]


@contextmanager
def next_version_beside(installation: Installation) -> Iterator[Newer]:
    """Intake, worker and poller of the next version run until the end of the block, and stop well."""
    log = installation.folder / "next.log"
    environment = installation.environment | {"PYTHONPATH": str(ROOT)}
    with log.open("ab") as output:
        newer = Newer(
            [
                subprocess.Popen(
                    [sys.executable, "-m", "tests.builders.next_version", "run", name],
                    cwd=installation.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                for name in WORKING
            ]
        )
    try:
        wait_until(
            lambda: _entries(log).count("process_started") == len(WORKING),
            seconds=START_SECONDS,
            what="the next version",
        )
        yield newer
    finally:
        codes = newer.stop()
    assert codes == [0] * len(WORKING), log.read_text()


def _entries(log: Path) -> list[str]:
    """The events logged so far."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().rpartition("\n")[0].splitlines()]
    return [line["event"] for line in lines]
