"""The tour in the README, typed word for word."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.leftovers import processes_in

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
#: Seconds that the whole tour may take.
TOUR_SECONDS = 280


def tour() -> str:
    """Every block of the tour, as one script."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## A five-minute tour") : readme.index("## From an application")]
    return "\n".join(re.findall(r"```\n(.*?)```", section, re.DOTALL))


def free_port() -> str:
    """A port that nobody listens on, below those that the system hands out: nobody gets it by chance meanwhile."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
            return str(probe.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for the tour; what still runs in it at the end of a failed one is killed."""
    yield tmp_path
    for pid in processes_in(tmp_path):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(TOUR_SECONDS + 20)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour looks at the metrics with curl")
def test_the_tour_works_word_for_word(folder: Path) -> None:
    """Each command of the tour succeeds, the results are what the text says, and nothing keeps running."""
    metrics_port = free_port()
    script = tour().replace("8099", free_port()).replace("9464", metrics_port).replace("/tmp", str(folder))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    output, problems = folder / "output", folder / "problems"
    with output.open("wb") as stdout, problems.open("wb") as stderr:
        # To files: what a failed tour leaves running would hold a pipe open, and with it this test.
        done = subprocess.run(
            ["bash", "-c", f"set -mex\n{script.replace('$PWD/.venv/bin:', '')}"],
            cwd=ROOT,
            env=inherited | {"PATH": scripts, "BULKVERIFY_METRICS_PORT": metrics_port},
            stdout=stdout,
            stderr=stderr,
            timeout=TOUR_SECONDS,
            check=False,
        )
    said, complained = output.read_text(encoding="utf-8"), problems.read_text(encoding="utf-8")
    assert done.returncode == 0, complained
    assert "The configuration can be used." in said
    assert "upload customers is already known" in complained
    assert "rows=265 matched=244 folded=18 empty=3 withheld=0 missing=0" in said
    assert 'bulkverify_ledger_credits_total{account="sandbox-ipqs",entry="committed",provider="ipqs"} 244.0' in said
    assert (folder / "verified.csv").read_text(encoding="utf-8").count("\n") > 265
    assert not processes_in(folder)
