"""The documentation of the commands is the commands' own help."""

from __future__ import annotations

from pathlib import Path

from worker.cli.command_docs import markdown

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_documentation_of_commands_is_up_to_date() -> None:
    """`docs/commands.md` is what `python -m worker.cli.command_docs` prints."""
    assert DOCS.read_text(encoding="utf-8") == markdown()
