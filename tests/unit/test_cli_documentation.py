"""The documentation of the commands is the commands' own help."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from worker.cli.bulk import not_found
from worker.cli.errors import UnknownUpload
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "commands.md"
#: Where the outcomes of a command are made, besides those of an upload that is not found.
MADE_IN = {"cancel": ("worker/cli/cancel.py",), "retry": ("worker/cli/retry.py", "worker/core/retry.py")}
#: What stands before the list of a command's outcomes.
LISTED_AFTER = {"cancel": "`outcome` of `cancel` is", "retry": "Of `retry` it is"}
#: The place of the word among the arguments of what makes an outcome.
WORD_AT = {"Outcome": 2, "Leave": 0}


def outcomes(file: str) -> Iterator[str]:
    """The words that a file's code gives to `Outcome`, to `Leave`, or to `outcome=`."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        word_at = WORD_AT.get(node.func.id)
        words = [] if word_at is None else [node.args[word_at]]
        words += [keyword.value for keyword in node.keywords if keyword.arg == "outcome"]
        yield from (word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str))


def test_the_documentation_of_commands_is_up_to_date() -> None:
    """`docs/commands.md` is what `python -m worker.cli.command_docs` prints."""
    # In a process of its own: a command keeps the help option of the first group it was called through.
    printed = subprocess.run([sys.executable, "-m", "worker.cli.command_docs"], capture_output=True, check=True)
    assert printed.stdout.decode() == DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MADE_IN)
def test_every_outcome_is_documented(name: str) -> None:
    """The words of the documentation are those that the command may print, no more and no fewer."""
    missing = {not_found("x", error).outcome for error in (UnknownUpload("x", ()), Unreadable("It is damaged."))}
    made = {word for file in MADE_IN[name] for word in outcomes(file)} - {""}
    text = " ".join(DOCS.read_text(encoding="utf-8").split())
    would = set(re.findall(r"`(would_\w+)`", text)) & made
    (listed,) = re.findall(LISTED_AFTER[name] + r" ([^.]*)\.", text)
    assert made | missing == set(re.findall(r"`(\w+)`", listed)) | would
