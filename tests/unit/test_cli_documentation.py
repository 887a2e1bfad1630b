"""The documentation of the commands is the commands' own help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_documentation_of_commands_is_up_to_date() -> None:
    """`docs/commands.md` is what `python -m worker.cli.command_docs` prints."""
    # In a process of its own: a command keeps the help option of the first group it was called through.
    printed = subprocess.run([sys.executable, "-m", "worker.cli.command_docs"], capture_output=True, check=True)
    assert printed.stdout.decode() == DOCS.read_text(encoding="utf-8")
