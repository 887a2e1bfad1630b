"""Bad input at the command line: a sentence that names it and says what to do, an exit code, and nothing submitted."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from producers.client import Client
from producers.contract import UPLOADS_STREAM
from producers.errors import SourceUnusable
from tests.builders.command_line import CommandLine
from tests.builders.line import running_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _file(folder: Path, name: str = "list.csv", text: str = "email\nann@example.com\n") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.csv")
    return str(folder / "pipe.csv")


def _loop(folder: Path) -> str:
    (folder / "loop.csv").symlink_to("loop.csv")
    return str(folder / "loop.csv")


def _odd_name(folder: Path) -> str:
    name = os.fsencode(folder) + b"/caf\xe9.csv"
    with open(name, "w") as file:  # noqa: PTH123 - a name that is no text
        file.write("email\nann@example.com\n")
    return os.fsdecode(name)


#: What makes the arguments, and what the command says about it.
REFUSED: dict[str, tuple[Callable[[Path], list[str]], tuple[str, ...]]] = {
    "a missing file": (lambda f: [str(f / "gone.csv")], ("gone.csv cannot be read", "Name a complete text file")),
    "a folder": (lambda f: [str(f)], ("is not a file", "Name a complete text file")),
    "an empty file": (lambda f: [_file(f, "none.csv", "")], ("none.csv is empty", "Name a complete text file")),
    "a pipe": (lambda f: [_pipe(f)], ("pipe.csv is not a file", "Name a complete text file")),
    "a link to itself": (lambda f: [_loop(f)], ("loop.csv cannot be read", "Name a complete text file")),
    "a long name": (lambda f: [str(f / ("x" * 300))], ("cannot be read: file name too long", "Nothing was submitted")),
    "a hostile name": (lambda f: [str(f / "\x1b[2J\n\u202e.csv")], ("[2J", "cannot be read", "Name a complete")),
    "a name that is no text": (lambda f: [_odd_name(f)], ("caf\\udce9.csv' is not UTF-8", "Rename it")),
    "one bad file of two": (lambda f: [_file(f), str(f / "gone.csv")], ("gone.csv", "Nothing was submitted")),
    "an unknown kind": (lambda f: [_file(f), "--kind", "fax"], ("'fax' is not one of", "'email'")),
    "an account's name with a space": (
        lambda f: [_file(f), "--account", "a b"],
        ("account: must be 1 to 40", "bulkverify schema"),
    ),
    "an id that leads upwards": (lambda f: [_file(f), "--id", "../x"], ("'../x' cannot be an upload id", "1 to 100")),
    "a long id": (lambda f: [_file(f), "--id", "x" * 101], ("cannot be an upload id", "1 to 100")),
    "one id for two files": (lambda f: [_file(f), _file(f, "b.csv"), "--id", "x"], ("--id names one upload",)),
    "two delimiters": (lambda f: [_file(f), "--delimiter", ";;"], ("options.delimiter: must be one ASCII",)),
    "an unknown encoding": (lambda f: [_file(f), "--encoding", "utf-88"], ("options.encoding: is not the name",)),
    "a column far out": (lambda f: [_file(f), "--column", "10000"], ("options.column: should be", "9999")),
    "a label of two lines": (lambda f: [_file(f), "--label", "a\nb"], ("label: must be text on one line",)),
    "a long label": (lambda f: [_file(f), "--label", "x" * 101], ("label: should have at most 100 characters",)),
}


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=[name.replace(" ", "-") for name in REFUSED])
def test_what_cannot_be_sent_is_refused_at_once(
    tmp_path: Path, redis_client: Any, redis_url: str, make: Callable[[Path], list[str]], told: tuple[str, ...]
) -> None:
    """The command ends with the code for a wrong command line or file, and the stream stays empty."""
    lists = tmp_path / "lists"
    lists.mkdir()
    command_line = CommandLine(redis_url, tmp_path)
    result = command_line("upload", "--account", "ipqs-main", *make(lists))
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.split())
    for words in told:
        assert words in said
    assert "Traceback" not in result.output
    assert said.isprintable(), ascii(said)
    assert redis_client.exists(UPLOADS_STREAM) == 0


@pytest.mark.parametrize("name", ["a\0b.csv", "/tmp/\0"])
def test_a_path_with_a_nul_is_no_defect(redis_url: str, name: str) -> None:
    """An application that hands over what no file system takes is told so."""
    with Client(redis_url) as client, pytest.raises(SourceUnusable, match="holds a NUL character"):
        client.submit(name, account="ipqs-main", kind="email")


#: Arguments beside the file, the file's text, and what the command says.
ENDS_BADLY: dict[str, tuple[list[str], str, tuple[str, ...]]] = {
    "an unknown account": (["--account", "nobody"], "email\na@example.com\n", ("'nobody'", "ipqs-main")),
    "another provider's kind": (
        ["--account", "whoisxml-main", "--kind", "phone"], "phone\n+12025550143\n", ("cannot verify phone", "email"),
    ),
    "a file that is no text": ([], "PK\x03\x04 sheet", ("Excel workbook", "save the sheet as CSV")),
    "a column that is not there": (["--column", "mail"], "id,email\n1,a@x.example\n", ("'mail'", "options.column")),
    "an open quote": ([], 'email\n"a@example.com\n', ("line 2", "close the quote")),
}  # fmt: skip


def test_what_is_refused_later_ends_a_command_that_waits(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """What only the workers can know fails the command that waits, with their words; a good list beside it is done."""
    with running_line(tmp_path, redis_url, broker_url, ipqs={"job_seconds": 0.02}) as line:
        reader = threading.Thread(target=line.intake.run)
        reader.start()
        try:
            command_line = CommandLine(redis_url, tmp_path)
            for name, (arguments, text, told) in ENDS_BADLY.items():
                path = _file(tmp_path, f"{name.replace(' ', '-')}.csv", text)
                account = [] if "--account" in arguments else ["--account", "ipqs-main"]
                result = command_line("upload", *account, *arguments, "--wait", "--timeout", "30", path)
                assert result.exit_code == 1, result.output
                for words in told:
                    assert words in result.output, name
                assert "Traceback" not in result.output
            good = command_line("upload", "--account", "ipqs-main", "--wait", "--timeout", "30", _file(tmp_path))
            assert good.exit_code == 0, good.output
        finally:
            line.intake.stop()
            reader.join(10)
