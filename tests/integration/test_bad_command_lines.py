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
from tests.builders.records import an_upload, stored
from tests.builders.stores import a_store, everything
from worker.core.states import UploadState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result


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
    "an own id of two words": (lambda f: [_file(f), "--correlation-id", "a b"], ("trace.correlation_id: must be",)),
    "a URL and a file": (lambda f: [_file(f), "--url", _URL], ("Name what is to be verified",)),
    "two URLs": (lambda _: ["--url", _URL, "--remote-url", _REMOTE], ("one of --url and --remote-url",)),
    "nothing to verify": (lambda _: [], ("Name what is to be verified",)),
    "a URL that is a path": (lambda _: ["--url", "/srv/a.csv"], ("source.url: must be a URL",)),
    "a hostile URL": (lambda _: ["--url", "file:///\x1b[2J"], ("source.url: must be a URL",)),
    "a remote URL with a token": (
        lambda _: ["--remote-url", f"{_REMOTE}?token=hunter2"],
        ("source.remote_url: has a user, a query", "without"),
    ),
    "an unknown method": (lambda f: [_file(f), "--method", "post"], ("'post' is not one of", "'pull'")),
    "an unknown segment": (lambda f: [_file(f), "--segment", "dirty"], ("'dirty' is not one of", "'pristine'")),
    "a segment twice": (lambda f: [_file(f), "--segment", "bad", "--segment", "bad"], ("the same segment twice",)),
    "an unknown place": (lambda f: [_file(f), "--result", "mail"], ("'mail' is not one of", "'rows'")),
    "passwords as rows": (
        lambda f: [_file(f), "--kind", "leaked_password", "--result", "rows"],
        ("has passwords and wants rows as result", "use storage"),
    ),
    "again with a space": (lambda f: [_file(f), "--again=a b"], ("'a b' is no such word", "1 to 40")),
    "again that takes the file": (lambda f: ["--again", _file(f)], ("took the file", "write --again=WORD")),
    "again and an id": (lambda f: [_file(f), "--again=x", "--id", "y"], ("--id and --again do not go together",)),
    "a timeout without a wait": (lambda f: [_file(f), "--timeout", "3"], ("--timeout limits a wait",)),
    "a result to standard output": (
        lambda f: [_file(f), "--output", "-"],
        ("--output", "no result is written to standard output: name a file"),
    ),
    "a timeout that is no number": (
        lambda f: [_file(f), "--wait", "--timeout", "nan"],
        ("--timeout", "nan is not a number of seconds"),
    ),
    "an endless timeout": (lambda f: [_file(f), "--wait", "--timeout", "inf"], ("--timeout", "inf is not in the")),
    "a long label": (lambda f: [_file(f), "--label", "x" * 101], ("label: should have at most 100 characters",)),
}

_URL = "file:///srv/storage/inputs/list.csv"
_REMOTE = "https://files.example.com/list.csv"


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=[name.replace(" ", "-") for name in REFUSED])
def test_what_cannot_be_sent_is_refused_at_once(
    tmp_path: Path, redis_client: Any, redis_url: str, make: Callable[[Path], list[str]], told: tuple[str, ...]
) -> None:
    """The command ends with the code for a wrong command line or file, and the stream stays empty."""
    lists = tmp_path / "lists"
    lists.mkdir()
    command_line = CommandLine(redis_url, tmp_path)
    check_refused(command_line("upload", "--account", "ipqs-main", *make(lists)), told)
    assert redis_client.exists(UPLOADS_STREAM) == 0


def check_refused(result: Result, told: tuple[str, ...]) -> None:
    """Fail unless a command ended as a wrong one, with these words and nothing that a terminal would obey."""
    assert result.exit_code == 2, result.output
    said = " ".join(result.stderr.split())
    for words in told:
        assert words in said
    assert "Traceback" not in result.output
    assert "Error: " in said
    assert said.isprintable(), ascii(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["wait", "crm-1", "--timeout"],
        ["watch", ".", "--account", "ipqs-main", "--once", "--timeout"],
        ["watch", ".", "--account", "ipqs-main", "--settle"],
        ["watch", ".", "--account", "ipqs-main", "--period"],
        ["demo", "--timeout"],
        ["sandbox", "--seconds-per-row"],
    ],
    ids=lambda arguments: "".join((arguments[0], arguments[-1])),
)
def test_a_time_that_is_no_number_is_refused(tmp_path: Path, redis_url: str, arguments: list[str]) -> None:
    """No range holds nan, whatever it is compared with, and no command takes it."""
    check_refused(CommandLine(redis_url, tmp_path)(*arguments, "nan"), (arguments[-1], "nan is not a number of"))


def test_a_result_goes_to_no_file_called_like_standard_output(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`result ID --output -` is a wrong command line and writes nothing, whether or not there is a result."""
    monkeypatch.chdir(tmp_path)
    told = ("no result is written to standard output", "./- for one of that name")
    check_refused(CommandLine(redis_url, tmp_path)("result", "crm-1", "--output", "-"), told)
    assert list(tmp_path.iterdir()) == []


#: What another program prints, more arguments, and what the command says about it.
PRINTED_BADLY: dict[str, tuple[str | bytes, list[str], tuple[str, ...]]] = {
    "nothing": (b"", [], ("nothing on standard input", "one value a line")),
    "only line ends": ("\n\n\n", [], ("nothing on standard input", "one value a line")),
    "a row too many": ("a@example.com\n" * 5_001, [], ("5,001 lines", "at most 5,000", "name the file")),
    "too much": ("x" * 300_000, [], ("more than 262,144 bytes", "name the file")),
    "a long row": ("x" * 4_097, [], ("source.rows.0: should have at most 4,096 characters",)),
    "Latin-1": (b"ann@example.com\nZo\xeb\n", [], ("Line 2 of standard input is not UTF-8", "--encoding")),
    "UTF-16": ("ann@example.com\n".encode("utf-16"), [], ("Line 1 of standard input is not UTF-8",)),
    "a workbook": (b"PK\x03\x04\x14\0\xff", [], ("Line 1 of standard input is not UTF-8",)),
    "a NUL": ("ann@example.com\nb\0b\n", [], ("source.rows.1: must be text on one line",)),
    "old line ends": ("ann@example.com\rbob@example.com\r", [], ("source.rows.0: must be text on one line",)),
    "a column": ("1,ann@example.com\n", ["--column", "1"], ("has options", "source.rows")),
    "passwords": ("hunter2\n", ["--kind", "leaked_password"], ("has passwords in source.rows", "into a file")),
    "a file beside it": ("a\n", ["list.csv"], ("a list of their own",)),
    "a URL beside it": ("a\n", ["--url", _URL], ("Name what is to be verified",)),
}  # fmt: skip


@pytest.mark.parametrize("case", PRINTED_BADLY.values(), ids=[name.replace(" ", "-") for name in PRINTED_BADLY])
def test_what_another_program_prints_is_refused_at_once(
    tmp_path: Path,
    redis_client: Any,
    redis_url: str,
    case: tuple[str | bytes, list[str], tuple[str, ...]],
) -> None:
    """Values on standard input that make no request end the command with a sentence, and are not repeated."""
    printed, arguments, told = case
    result = CommandLine(redis_url, tmp_path)("upload", "--account", "ipqs-main", "-", *arguments, answer=printed)
    check_refused(result, told)
    assert "hunter2" not in result.output
    assert redis_client.exists(UPLOADS_STREAM) == 0


#: Arguments of `cancel` and `retry`, and what both say.
MISUSED: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no selection": (["--yes"], ("choose them by options such as --state", "--all means every one")),
    "ids and a filter": (["kept-1", "--state", "running"], ("Name uploads, or choose them by options: not both",)),
    "ids and all": (["kept-1", "--all"], ("not both",)),
    "an unknown state": (["--state", "sleeping"], ("'sleeping' is not one of", "'running'")),
    "an empty state": (["--state", ""], ("'' is not one of",)),
    "an unknown kind": (["--kind", "fax"], ("'fax' is not one of", "'email'")),
    "a time without a unit": (["--older-than", "2"], ("'2' is not a time such as 90s",)),
    "a time before all": (["--older-than", "9999d"], ("is not a time such as 90s",)),
    "a hostile time": (["--older-than", "\x1b[2J"], ("is not a time such as 90s",)),
    "a limit of nothing": (["--all", "--limit", "0"], ("0 is not in the range",)),
    "a limit in words": (["--all", "--limit", "many"], ("'many' is not a valid integer",)),
    "an id that leads upwards": (["../kept-1"], ("'../kept-1' cannot be an upload id", "1 to 100")),
    "an id that is a pattern": (["kept-*"], ("'kept-*' cannot be an upload id",)),
    "a hostile id": (["\x1b[2J\u202e"], ("cannot be an upload id",)),
    "an unknown option": (["--force", "kept-1"], ("No such option", "--force")),
}  # fmt: skip


@pytest.mark.parametrize("command", ["cancel", "retry"])
@pytest.mark.parametrize(("arguments", "told"), MISUSED.values(), ids=[name.replace(" ", "-") for name in MISUSED])
def test_what_cannot_be_meant_changes_nothing(
    tmp_path: Path, redis_url: str, command: str, arguments: list[str], told: tuple[str, ...]
) -> None:
    """Neither nothing, nor two things at once, nor what does not exist is cancelled or retried, even with a yes."""
    store = a_store(redis_url)
    stored(store, an_upload("kept-1", UploadState.RUNNING, now=store.now()))
    before = everything(store)
    check_refused(CommandLine(redis_url, tmp_path)(command, "--yes", *arguments), told)
    assert everything(store) == before
    store.client.close()


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
    "another provider's method": (
        ["--account", "whoisxml-main", "--method", "form"], "a@example.com\n", ("the method form", "Its methods are"),
    ),
    "another provider's segment": (
        ["--account", "whoisxml-main", "--segment", "bad"], "a@example.com\n", ("gives no segment bad", "every row"),
    ),
    "a web page": ([], "<!doctype html>\na@example.com\n", ("is a web page and no list", "send the list")),
    "an open quote": ([], 'email\n"a@example.com\n', ("line 2", "close the quote")),
}  # fmt: skip

#: Arguments that name no file, and what the command says.
ELSEWHERE: list[tuple[list[str], tuple[str, ...]]] = [
    (["--url", _URL], ("is not in the folder of the workers' storage", "has to begin with")),
    (["--remote-url", _REMOTE], ("on no host that lists are read from", "BULKVERIFY_PULL_HOSTS")),
    (["--remote-url", _REMOTE, "--method", "pull", "--id", "crm-1"], ("on no host that lists are read from",)),
]


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
            for arguments, told in ELSEWHERE:
                result = command_line("upload", "--account", "ipqs-main", *arguments, "--wait", "--timeout", "30")
                assert result.exit_code == 1, result.output
                assert all(words in result.output for words in told), result.output
            good = command_line("upload", "--account", "ipqs-main", "--wait", "--timeout", "30", _file(tmp_path))
            assert good.exit_code == 0, good.output
        finally:
            line.intake.stop()
            reader.join(10)
