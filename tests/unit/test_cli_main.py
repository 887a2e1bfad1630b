"""The root of the command line: its table of commands, and how every error ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import structlog
from click.testing import CliRunner

from config.errors import Problem, SettingsInvalid
from producers.errors import Unavailable
from producers.exit_codes import ExitCode
from worker.cli.defects import DEFECTS_BYTES_MAX, DEFECTS_FILE, EXIT_DEFECT, defect
from worker.cli.errors import UnknownUpload
from worker.cli.failures import ENDINGS, failure_of
from worker.cli.main import SECTIONS, Bulkverify, bulkverify
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A device to which nothing can be written.
FULL = Path("/dev/full")
NAMES = [command.name for section in SECTIONS for command in section.commands]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands log only where a process has configured its log."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


class Failing(Bulkverify):
    """The root with one command, which raises `error`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(name="bulkverify")
        self.error = error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command, whatever its name."""

        @click.command(cmd_name)
        def fail() -> None:
            raise self.error

        return fail


def test_the_help_names_every_command_and_imports_none() -> None:
    """`--help` lists all commands from the table, without loading any of their modules."""
    code = (
        "import sys; from worker.cli.main import bulkverify; bulkverify(['--help'], standalone_mode=False);"
        "print('loaded', [m for m in sys.modules if m.startswith(('redis', 'pydantic', 'rich', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "loaded []" in done.stdout
    for name in NAMES:
        assert f"  {name} " in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_listed_command_is_there_under_its_name(name: str) -> None:
    """Each place in the table leads to a command of that name that has a help."""
    command = bulkverify.get_command(click.Context(bulkverify), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_an_unknown_command_is_a_usage_error() -> None:
    """A command that is not in the table ends with exit code 2."""
    done = CliRunner().invoke(bulkverify, ["frobnicate"])
    assert done.exit_code == ExitCode.USAGE
    assert "frobnicate" in done.stderr


def test_the_version_is_printed() -> None:
    """`--version` names the program and ends well."""
    done = CliRunner().invoke(bulkverify, ["--version"])
    assert (done.exit_code, done.stdout.split()[0]) == (0, "bulkverify")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            SettingsInvalid("Settings:", [Problem("BULKVERIFY_X", "is unknown", "Drop it.")]),
            ExitCode.USAGE,
            "BULKVERIFY_X",
        ),
        (Unavailable("Redis is away."), ExitCode.UNAVAILABLE, "Check that Redis runs"),
        (StoreUnavailable("Redis is away."), ExitCode.UNAVAILABLE, "Check BULKVERIFY_REDIS_URL"),
        (UnknownUpload("lst-1", ["list-1"]), ExitCode.FAILED, "Nearest: list-1"),
    ],
)
def test_a_known_error_is_one_message_with_its_remedy_and_code(error: Exception, code: ExitCode, text: str) -> None:
    """Known errors end in one message on standard error, without a traceback, and in their documented code."""
    done = CliRunner().invoke(Failing(error), ["fail"])
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ENDINGS)
def test_every_error_of_the_table_exists(name: str) -> None:
    """The table names no class that is not an exception of this program or of its Redis client."""
    module, _, cls = name.rpartition(".")
    error = getattr(import_module(module), cls)
    assert issubclass(error, Exception)
    assert f"{error.__module__}.{error.__qualname__}" == name


def test_a_library_error_is_explained_and_its_text_is_not_shown() -> None:
    """What Redis refuses is told without the text of the library's error."""
    from redis.exceptions import NoPermissionError  # noqa: PLC0415 - only this test needs it

    failure = failure_of(NoPermissionError("user 'a:secret' may not"))
    assert failure is not None
    assert failure.exit_code == ExitCode.UNAVAILABLE
    assert failure.message.startswith("Redis refused a command (NoPermissionError). Check")
    assert "secret" not in failure.message


def test_ctrl_c_ends_quietly() -> None:
    """An interruption prints nothing and ends with 130."""
    done = CliRunner().invoke(Failing(KeyboardInterrupt()), ["fail"])
    assert (done.exit_code, done.output) == (ExitCode.INTERRUPTED, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("arguments", [["schema"], ["--help"]])
@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_full_disk_is_no_defect(tmp_path: Path, arguments: list[str], buffering: dict[str, str]) -> None:
    """Output that cannot be written is told in one message, with the system's reason; nothing is kept for a report."""
    command = [sys.executable, "-m", "worker.cli.main", *arguments]
    environment = os.environ | {"BULKVERIFY_HOME": str(tmp_path)} | buffering
    with FULL.open("w") as full:
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    message = b"Error: The output cannot be written: No space left on device. Nothing that was done before is undone.\n"
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, message)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_elsewhere_is_a_defect(tmp_path: Path) -> None:
    """Where standard output can be written, a full disk was another file's, which nobody expects."""
    error = OSError(errno.ENOSPC, "No space left on device")
    done = CliRunner().invoke(Failing(error), ["fail"], env={"BULKVERIFY_HOME": str(tmp_path)})
    assert done.exit_code == EXIT_DEFECT


def test_an_unexpected_error_is_kept_for_a_report(tmp_path: Path) -> None:
    """A defect is named as one, with the file that has the traceback, from which secrets are removed."""
    env = {"BULKVERIFY_HOME": str(tmp_path)}
    error = RuntimeError("GET https://www.ipqualityscore.com/api/json/?key=0123456789abcdef0123456789abcdef failed")
    done = CliRunner().invoke(Failing(error), ["fail"], env=env)
    kept = (tmp_path / DEFECTS_FILE).read_text(encoding="utf-8")
    assert done.exit_code == EXIT_DEFECT
    assert "defect of bulkverify (RuntimeError)" in done.stderr
    assert str(tmp_path / DEFECTS_FILE) in done.stderr
    assert "Traceback" in kept
    assert "0123456789abcdef0123456789abcdef" not in kept


def test_a_defect_without_a_home_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be kept, the traceback goes to standard error."""
    failure = defect(RuntimeError("odd"), tmp_path / "absent")
    assert "RuntimeError: odd" in capsys.readouterr().err
    assert failure.message.endswith("is above.")


def test_the_file_of_defects_is_bounded(tmp_path: Path) -> None:
    """A full file is set aside, and the one set aside before is dropped."""
    full = "x" * (DEFECTS_BYTES_MAX + 1)
    (tmp_path / DEFECTS_FILE).write_text(full, encoding="utf-8")
    (tmp_path / f"{DEFECTS_FILE}.1").write_text("older", encoding="utf-8")
    defect(RuntimeError("odd"), tmp_path)
    assert (tmp_path / f"{DEFECTS_FILE}.1").read_text(encoding="utf-8") == full
    assert "RuntimeError: odd" in (tmp_path / DEFECTS_FILE).read_text(encoding="utf-8")
