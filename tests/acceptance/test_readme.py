"""The tour in the README, typed word for word."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.leftovers import processes_in

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
#: Seconds that the whole tour may take.
TOUR_SECONDS = 120


def tour() -> str:
    """Every block of the tour, as one script."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## A five-minute tour") : readme.index("## Going to production")]
    return "\n".join(re.findall(r"```\n(.*?)```", section, re.DOTALL))


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour looks at the metrics with curl")
def test_the_tour_works_word_for_word(tmp_path: Path) -> None:
    """Each command of the tour succeeds, the results are what the text says, and nothing keeps running."""
    metrics_port = free_port()
    script = tour().replace("8099", free_port()).replace("9464", metrics_port).replace("/tmp", str(tmp_path))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BULKVERIFY_")}
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -me\n{script.replace('$PWD/.venv/bin:', '')}"],
        cwd=ROOT,
        env=inherited | {"PATH": scripts, "BULKVERIFY_METRICS_PORT": metrics_port},
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The configuration can be used." in done.stdout
    assert "upload customers is already known: state completed" in done.stderr
    assert "rows=265 matched=244 folded=18 empty=3 withheld=0 missing=0" in done.stdout
    assert (
        'bulkverify_ledger_credits_total{account="sandbox-ipqs",entry="committed",provider="ipqs"} 244.0' in done.stdout
    )
    assert (tmp_path / "verified.csv").read_text(encoding="utf-8").count("\n") > 265
    assert not processes_in(tmp_path)
