"""What the Tab key offers, by the protocol between click and the shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from worker.cli.command_docs import COMPLETIONS
from worker.cli.main import SECTIONS

ROOT = Path(__file__).parents[2]
#: Libraries and packages whose import somebody who pressed Tab would feel.
HEAVY = ("redis", "pydantic", "requests", "rich", "dramatiq", "structlog", "producers.commands", "worker.cli.up")
#: The program under its own name; afterwards the heavy modules that it imported, on standard error.
PROGRAM = f"""
import sys
from worker.cli.main import main
try:
    main()
finally:
    print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


def program(**environment: str) -> subprocess.CompletedProcess[str]:
    """The program as a shell calls it."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def offered(*words: str) -> list[str]:
    """What is offered in bash for the last word of a command line, each with its type."""
    line = " ".join(("bulkverify", *words))
    done = program(_BULKVERIFY_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words)))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", "complete -o nosort -F"), ("zsh", "compdef"), ("fish", "complete --no-files --command bulkverify")],
)
def test_every_documented_shell_gets_its_script(shell: str, words: str) -> None:
    """The variable in the documented line makes the program print that shell's script, and import nothing heavy."""
    assert any(f"_BULKVERIFY_COMPLETE={shell}_source bulkverify" in line for _, _, line in COMPLETIONS)
    done = program(_BULKVERIFY_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stderr) == (0, "\n")
    assert words in done.stdout


def test_commands_are_completed_from_the_table_alone() -> None:
    """Commands that begin like the word are offered, and not one of their modules is imported."""
    done = program(_BULKVERIFY_COMPLETE="bash_complete", COMP_WORDS="bulkverify up", COMP_CWORD="1")
    assert set(done.stdout.split()) == {"plain,up", "plain,upload"}
    assert done.stderr == "\n"


def test_the_first_word_may_be_any_command() -> None:
    """With nothing typed yet every command is offered, in the order of the help."""
    assert offered("''") == [f"plain,{command.name}" for section in SECTIONS for command in section.commands]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--ver",), {"plain,--version"}),
        (("frob",), set()),
        (("upload", "--acc"), {"plain,--account"}),
        (("config", "ch"), {"plain,check"}),
        (("run", "po"), {"plain,poller"}),
    ],
)
def test_options_and_inner_commands_are_completed(words: tuple[str, ...], expected: set[str]) -> None:
    """Options of the program and of a command, and the commands of a group, are completed like in any program."""
    assert set(offered(*words)) == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="this machine has no bash")
def test_a_real_bash_completes(tmp_path: Path) -> None:
    """The printed script, evaluated by bash, fills in the commands for a line that was typed."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "bulkverify").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/program.py"\n')
    (tmp_path / "bulkverify").chmod(0o700)
    script = (
        'eval "$(_BULKVERIFY_COMPLETE=bash_source bulkverify)"\n'
        "COMP_WORDS=(bulkverify up) COMP_CWORD=1\n"
        '_bulkverify_completion bulkverify\necho "${COMPREPLY[@]}"'
    )
    places = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=os.environ | places, capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == ["up", "upload"]
