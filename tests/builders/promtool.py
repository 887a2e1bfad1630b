"""Prometheus's own programs: which tests need them, and how its tool for testing rules is run."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Seconds that it gets for all that one test asks.
PROMTOOL_SECONDS = 100

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed (Debian: apt-get install prometheus)"
)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def promtool_tests(folder: Path, rules: Mapping[str, str], *tests: object) -> str:
    """What `promtool test rules` says to these tests of files of rules; empty when all of them hold."""
    for name, text in rules.items():
        (folder / name).write_text(text)
    document = {"rule_files": list(rules), "evaluation_interval": "1m", "tests": tests}
    path = folder / "tests.yml"
    path.write_text(json.dumps(document))
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, timeout=PROMTOOL_SECONDS, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
