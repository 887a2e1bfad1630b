"""The producers' commands against a real Redis: what they print where, and how they end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from producers import uploading, waiting
from producers.bars import Bars
from producers.client import Client
from producers.commands import COMMANDS
from producers.contract import UPLOADS_STREAM
from producers.exit_codes import ExitCode
from producers.request import parse
from producers.stages import WAITING, stage_of
from tests.builders.deadline import wait_until
from tests.builders.worker_side import WorkerSide, meanwhile

if TYPE_CHECKING:
    import redis
    from click.testing import Result

ROOT = Path(__file__).parents[2]


class Door:
    """The door of a command line that knows one server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self) -> Client:
        """A client of it."""
        return Client(self._url, producer="shell")

    def link(self, url: str, seconds: int | None) -> str | None:
        """An address of what lies in a bucket; files have none."""
        return f"https://store/{url.removeprefix('s3://')}?for={seconds}" if url.startswith("s3://") else None


def command_line() -> click.Group:
    """A command line that holds the producers' commands."""
    return click.Group("bulkverify", commands={command.name or "": command for command in COMMANDS})


class Shell:
    """Runs commands as a shell would."""

    def __init__(self, url: str) -> None:
        self._door = Door(url)

    def run(self, *arguments: str | Path) -> Result:
        """Run one command to its end."""
        return CliRunner().invoke(command_line(), [str(argument) for argument in arguments], obj=self._door)

    def documents(self, *arguments: str | Path) -> list[dict[str, Any]]:
        """The JSON documents that a command prints, which are all it prints."""
        done = self.run(*arguments, "--json")
        assert done.stderr == ""
        documents = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.exit_code in {document["exit_code"] for document in documents}
        return documents


@pytest.fixture
def worker(redis_client: redis.Redis) -> WorkerSide:
    """Return the workers' side of an empty database."""
    return WorkerSide(redis_client)


@pytest.fixture
def shell(redis_url: str) -> Shell:
    """Return a shell on the same database."""
    return Shell(redis_url)


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make waits look often, so that tests need no events to be quick."""
    monkeypatch.setattr(waiting, "LOOK_PERIOD_SECONDS", 0.1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with two lists and an empty file."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "one.csv").write_text("a@example.com\n")
    (folder / "two.csv").write_text("b@example.com\n")
    (folder / "empty.csv").touch()
    return folder


# upload


def test_upload_submits_and_says_how_to_follow(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """Without --wait the id is printed on standard output and the next command on standard error."""
    done = shell.run(
        "upload", files / "one.csv", "--account", "main", "--label", "news", "--column", "0", "--no-header"
    )
    [(_, fields)] = worker.requests()
    upload_id = fields["upload_id"]
    assert done.exit_code == ExitCode.OK
    assert done.stdout.split() == [upload_id, "requested", str(files / "one.csv")]
    assert f"bulkverify wait {upload_id}" in done.stderr
    assert parse(json.dumps(fields)).options.model_dump(exclude_none=True) == {"column": 0, "header": False}
    assert (fields["label"], fields["producer"], fields["kind"]) == ("news", "shell", "email")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--column", "email", {"column": "email"}),
        ("--column", "12", {"column": 12}),
        ("--delimiter", "tab", {"delimiter": "\t"}),
        ("--delimiter", r"\t", {"delimiter": "\t"}),
        ("--delimiter", ";", {"delimiter": ";"}),
        ("--encoding", "latin-1", {"encoding": "iso8859-1"}),
    ],
)
def test_upload_says_how_to_read_the_file(
    *, shell: Shell, worker: WorkerSide, files: Path, option: str, value: str, expected: dict[str, object]
) -> None:
    """Each option for reading is one field of the request."""
    assert shell.run("upload", files / "one.csv", "--account", "main", option, value).exit_code == ExitCode.OK
    assert worker.requests()[0][1]["options"] == expected


def test_a_dry_run_needs_the_workers(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """Where only this package is installed nobody can judge a list, and a dry run says so and submits nothing."""
    done = shell.run("upload", files / "one.csv", "--account", "main", "--dry-run")
    assert done.exit_code == ExitCode.USAGE
    assert "--dry-run needs the workers' package" in done.stderr
    assert worker.requests() == []


def test_upload_waits_and_brings_the_result(shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path) -> None:
    """With --output the command waits, copies the result, and shows each stage as a line where no terminal is."""
    target = tmp_path / "verified.csv"
    with meanwhile(lambda: worker.accept_and_complete(tmp_path / "result.csv")):
        done = shell.run("upload", files / "one.csv", "--account", "main", "--id", "crm-1", "--output", target)
    assert done.exit_code == ExitCode.OK, done.output
    assert target.read_text() == (tmp_path / "result.csv").read_text()
    assert done.stdout == f"crm-1  completed  5 rows: 2 ok, 1 bad  {target}\n"
    assert "one.csv  waiting for intake" in done.stderr
    assert "one.csv  delivered  100 %" in done.stderr


def test_upload_prints_one_document_per_file(shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path) -> None:
    """With --json each file is one line on standard output, as its upload ends, and nothing else is printed."""

    def work() -> None:
        worker.accept_and_complete(tmp_path / "two-result.csv", number=2)
        entry, fields = worker.next_request(1)
        worker.reject(entry, fields["upload_id"], "account_unknown")

    output = tmp_path / "out"
    output.mkdir()
    with meanwhile(work):
        documents = shell.documents(
            "upload", files / "one.csv", files / "two.csv", "--account", "main", "--output", output
        )
    by_file = {Path(document["file"]).name: document for document in documents}
    assert by_file["one.csv"]["state"] == "rejected"
    assert by_file["one.csv"]["reason"] == "account_unknown"
    assert by_file["one.csv"]["exit_code"] == ExitCode.FAILED
    two = by_file["two.csv"]
    assert (two["state"], two["exit_code"], two["already_known"]) == ("completed", ExitCode.OK, False)
    assert two["output"] == str(output / f"{two['upload_id']}.csv")
    assert Path(two["output"]).read_text() == (tmp_path / "two-result.csv").read_text()
    assert two["result"]["counts"]["rows"] == 5
    assert two["result"]["path"] == str(tmp_path / "two-result.csv")


def test_the_exit_code_of_several_uploads_is_the_worst(
    shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path
) -> None:
    """One failure among successes is the command's exit code."""

    def work() -> None:
        worker.accept_and_complete(tmp_path / "result.csv", number=1)
        _, fields = worker.next_request(2)
        worker.record(fields["upload_id"], "failed", reason="no_values", message="No values.")

    with meanwhile(work):
        done = shell.run("upload", files / "one.csv", files / "two.csv", "--account", "main", "--wait")
    assert done.exit_code == ExitCode.FAILED
    assert re.search(r"failed  \(no_values\) No values\.", done.stdout)


def test_a_list_that_is_known_is_not_submitted_again(
    shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path
) -> None:
    """The same content is recognised: the command says so, and behaves as if it had waited for the earlier upload."""
    first = shell.documents("upload", files / "one.csv", "--account", "main")[0]
    worker.accept_and_complete(tmp_path / "result.csv")
    again = shell.run("upload", files / "one.csv", "--account", "main")
    assert f"upload {first['upload_id']} is already known: state completed" in again.stderr
    assert str(tmp_path / "result.csv") in again.stdout
    assert again.exit_code == ExitCode.OK
    [waited] = shell.documents("upload", files / "one.csv", "--account", "main", "--wait")
    assert (waited["already_known"], waited["state"]) == (True, "completed")
    assert len(worker.requests()) == 1


def test_upload_asks_for_method_segments_and_the_place_of_the_result(
    shell: Shell, worker: WorkerSide, files: Path
) -> None:
    """What the command line says of the way there and of the result stands in the request."""
    wish = ("--method", "json", "--segment", "clean", "--segment", "bad", "--result", "rows")
    shell.run("upload", files / "one.csv", "--account", "main", *wish)
    _, request = worker.next_request()
    assert (request["method"], request["segments"], request["result"]) == ("json", ["bad", "clean"], "rows")


def test_a_known_list_is_submitted_where_its_rows_are_wanted(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """Whether a known list's rows are in Redis is for intake to judge, so the request is sent."""
    [first] = shell.documents("upload", files / "one.csv", "--account", "main")
    worker.record(first["upload_id"], "completed")
    shell.run("upload", files / "one.csv", "--account", "main")
    assert len(worker.requests()) == 1
    shell.run("upload", files / "one.csv", "--account", "main", "--result", "rows")
    assert len(worker.requests()) == 2


def test_a_known_id_is_submitted_so_that_intake_can_judge(
    shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path
) -> None:
    """Under a given id, another list is a conflict, even if the id's own upload is completed."""
    worker.complete("crm-1", tmp_path / "result.csv")
    with meanwhile(lambda: worker.reject(worker.next_request()[0], "crm-1", "conflict")):
        done = shell.run("upload", files / "one.csv", "--account", "main", "--id", "crm-1", "--wait")
    assert done.exit_code == ExitCode.FAILED
    assert "crm-1  rejected  (conflict) It is a conflict. Mend it." in done.stdout


def test_a_used_id_does_not_report_the_upload_that_has_it(
    shell: Shell, worker: WorkerSide, files: Path, tmp_path: Path
) -> None:
    """Without --wait nothing of the older upload is told as if it were of this list: the request is not judged yet."""
    worker.complete("crm-1", tmp_path / "result.csv")
    asked = ("upload", files / "two.csv", "--account", "main", "--id", "crm-1")
    done = shell.run(*asked)
    assert done.exit_code == ExitCode.OK
    assert done.stdout.split() == ["crm-1", "requested", str(files / "two.csv")]
    assert "crm-1 is already known; intake refuses what is not the same request" in done.stderr
    assert "completed" not in done.output
    assert "delivered" not in done.output
    [report] = shell.documents(*asked)
    assert (report["state"], report["already_known"], report["result"]) == ("requested", True, None)


def test_files_with_the_same_content_are_one_upload(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """Two files with the same content make one request and one report."""
    (files / "two.csv").write_bytes((files / "one.csv").read_bytes())
    done = shell.run("upload", files / "one.csv", files / "two.csv", "--account", "main")
    assert "two.csv holds the same as one.csv" in done.stderr
    assert len(worker.requests()) == len(done.stdout.splitlines()) == 1


def test_every_unusable_file_is_named_and_nothing_is_submitted(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """Files are checked before anything is sent, and all faults are told at once."""
    names = [files / "one.csv", files / "empty.csv", files / "gone.csv", files]
    done = shell.run("upload", *names, "--account", "main")
    assert done.exit_code == ExitCode.USAGE
    assert done.stdout == ""
    for said in ("empty.csv is empty", "gone.csv cannot be read: no such file", "lists is not a file", "Nothing was"):
        assert said in done.stderr
    assert worker.requests() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["one.csv"], "--account"),
        (["one.csv", "--account", "main", "--id", "../x"], "cannot be an upload id"),
        (["one.csv", "--account", "main", "--kind", "fax"], "fax"),
        (["one.csv", "--account", "a b"], "account: must be 1 to 40"),
        (["one.csv", "--account", "main", "--delimiter", "ab"], "options.delimiter"),
        (["one.csv", "two.csv", "--account", "main", "--id", "crm-1"], "--id names one upload"),
        (["one.csv", "--account", "main", "--timeout", "3"], "--wait"),
        (["one.csv", "--account", "main", "--output", "one.csv"], "overwrite"),
        (["one.csv", "--account", "main", "--output", "no/where.csv"], "does not exist"),
        (["one.csv", "two.csv", "--account", "main", "--output", "out.csv"], "not a folder"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    *, shell: Shell, worker: WorkerSide, files: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """A wrong command line ends with the usage code and says what is wrong."""
    monkeypatch.chdir(files)
    done = shell.run("upload", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
    assert worker.requests() == []


def test_a_list_that_cannot_be_sent_is_a_document_for_programs(shell: Shell, worker: WorkerSide, files: Path) -> None:
    """One document says why nothing was submitted, without an upload id; the exit code is as for people."""
    gone, there = str(files / "gone.csv"), str(files / "one.csv")
    for lists, file in (([gone], gone), ([gone, there], None)):
        done = shell.run("upload", *lists, "--account", "a", "--json")
        (line,) = done.stdout.splitlines()
        document = json.loads(line)
        assert (document["upload_id"], document["state"], document["file"]) == ("", "unknown", file)
        assert (document["reason"], document["exit_code"]) == ("source_unusable", ExitCode.USAGE)
        assert "gone.csv cannot be read: no such file" in document["message"]
        assert done.exit_code == ExitCode.USAGE
    assert worker.requests() == []


def test_an_unreachable_redis_has_its_own_exit_code(files: Path) -> None:
    """Nothing is accepted, and every file says so, in lines as in JSON."""
    shell = Shell("redis://127.0.0.1:1/0")
    done = shell.run("upload", files / "one.csv", "--account", "main", "--wait")
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "127.0.0.1:1 could not be reached" in done.stdout
    documents = shell.documents("upload", files / "one.csv", files / "two.csv", "--account", "main")
    assert [document["exit_code"] for document in documents] == [ExitCode.UNAVAILABLE] * 2
    for command in ("wait", "result", "events"):
        assert shell.run(command, "crm-1").exit_code == ExitCode.UNAVAILABLE


def test_hashing_a_big_file_is_shown(shell: Shell, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity of a big file takes a while, and that is not silent."""
    monkeypatch.setattr(uploading, "HASHING_SHOWN_BYTES_MIN", 1)
    done = shell.run("upload", files / "one.csv", "--account", "main")
    assert "one.csv  hashing  100 %  14 bytes" in done.stderr


# wait


def test_wait_ends_with_the_state_of_each_upload(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """Every upload that ended is one line, and the exit code tells the worst."""
    worker.complete("good", tmp_path / "good.csv")
    assert shell.run("wait", "good").exit_code == ExitCode.OK
    worker.complete("partial", tmp_path / "partial.csv", partial=True)
    done = shell.run("wait", "good", "partial")
    assert done.exit_code == ExitCode.ATTENTION
    assert "1 missing" in done.stdout
    worker.record("stuck", "attention", reason="outcome_unknown")
    done = shell.run("wait", "good", "stuck")
    assert done.exit_code == ExitCode.ATTENTION
    assert "bulkverify why stuck" in done.stdout
    worker.record("bad", "cancelled")
    assert shell.run("wait", "good", "stuck", "bad").exit_code == ExitCode.FAILED


def test_wait_ends_in_time(shell: Shell, worker: WorkerSide) -> None:
    """A wait whose time is up says where the upload is, with its own exit code."""
    worker.record("slow", "running")
    done = shell.run("wait", "slow", "unknown", "--timeout", "0.1")
    assert done.exit_code == ExitCode.NOT_FINISHED
    assert "it is running and goes on" in done.stdout
    [slow] = shell.documents("wait", "slow", "--timeout", "0")
    assert (slow["state"], slow["exit_code"]) == ("running", ExitCode.NOT_FINISHED)


def test_a_line_for_people_obeys_nobody(shell: Shell, worker: WorkerSide) -> None:
    """Text that came from elsewhere cannot steer the terminal."""
    worker.record("bad", "failed", message="\x1b[2J\rgone\nnew line")
    done = shell.run("wait", "bad")
    assert "\x1b" not in done.output
    assert len(done.stdout.splitlines()) == 1


# result


def test_result_prints_the_path_and_nothing_else(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """Standard output is the path alone, so that other commands can use it."""
    worker.complete("crm-1", tmp_path / "result.csv")
    done = shell.run("result", "crm-1")
    assert (done.stdout, done.stderr, done.exit_code) == (f"{tmp_path / 'result.csv'}\n", "", ExitCode.OK)


def test_a_link_to_a_result_is_printed_and_nothing_else(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """Standard output is the link alone, or the report with the links to result and manifest."""
    in_a_bucket(worker, tmp_path)
    done = shell.run("result", "crm-1", "--link", "--seconds", "60")
    assert (done.stdout, done.exit_code) == ("https://store/bucket/result.csv?for=60\n", ExitCode.OK)
    [document] = shell.documents("result", "crm-1", "--link")
    assert document["links"]["result"] == "https://store/bucket/result.csv?for=None"
    assert document["links"]["manifest"].startswith("https://store/bucket/")


def in_a_bucket(worker: WorkerSide, folder: Path) -> None:
    """Complete an upload whose result is in an object store."""
    csv = folder / "result.csv"
    worker.complete("crm-1", csv, object="s3://bucket/result.csv", manifest="s3://bucket/manifest.json")


def test_a_result_in_a_folder_has_no_link(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """The error says where the result is and what to do instead."""
    worker.complete("crm-1", tmp_path / "result.csv")
    done = shell.run("result", "crm-1", "--link")
    assert (done.stdout, done.exit_code) == ("", ExitCode.FAILED)
    assert "There is no link to the result of upload crm-1: it is at file://" in done.stderr
    assert "object store" in done.stderr
    for wrong in (("--link", "--output", tmp_path), ("--seconds", "60")):
        assert shell.run("result", "crm-1", *wrong).exit_code == ExitCode.USAGE


def test_a_result_in_a_bucket_is_not_copied_but_linked(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """Whoever wants a copy of what is not on this machine is told how to get one."""
    in_a_bucket(worker, tmp_path)
    done = shell.run("result", "crm-1", "--output", tmp_path / "copy.csv")
    assert done.exit_code != ExitCode.OK
    assert "bulkverify result crm-1 --link" in done.stderr


def test_result_is_copied_where_it_is_wanted(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """A folder receives ID.csv, a file is written as named, and a copy that fails is an error."""
    worker.complete("crm-1", tmp_path / "result.csv", partial=True)
    done = shell.run("result", "crm-1", "--output", tmp_path)
    assert done.stdout == f"{tmp_path / 'crm-1.csv'}\n"
    assert done.exit_code == ExitCode.ATTENTION
    assert "1 rows are missing" in done.stderr
    failed = shell.run("result", "crm-1", "--output", tmp_path / "no" / "where.csv")
    assert failed.exit_code == ExitCode.FAILED
    assert failed.stdout == ""
    assert "could not be copied" in failed.stderr


def test_result_comes_out_of_redis_where_the_storage_is_not(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """A machine without the storage gets the CSV by --output, and without it is told so; JSON has no rows in it."""
    csv, text = tmp_path / "result.csv", "email,bv_verdict\nzoé@example.com,ok\n"
    worker.complete("crm-1", csv, rows_in_redis=True, rows_until=1.8e9)
    csv.unlink()
    worker.rows("crm-1", text)
    done = shell.run("result", "crm-1", "--output", tmp_path / "out.csv")
    assert (done.stdout, done.exit_code) == (f"{tmp_path / 'out.csv'}\n", ExitCode.OK)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == text
    assert "--output" in shell.run("result", "crm-1").stderr
    [document] = shell.documents("result", "crm-1")
    assert document["result"]["rows_in_redis"] is True
    assert "zoé" not in json.dumps(document, ensure_ascii=False)


def test_result_tells_of_segments(shell: Shell, worker: WorkerSide, tmp_path: Path) -> None:
    """Segments are listed beside the result, with their places, and the empty ones as empty."""
    clean = {"segment": "clean", "part": 0, "url": "file:///srv/part-00000.clean.csv", "size_bytes": 9}
    worker.complete("crm-1", tmp_path / "result.csv", segments=[clean, {"segment": "bad", "part": 0}])
    done = shell.run("result", "crm-1")
    assert done.stdout == f"{tmp_path / 'result.csv'}\n"
    assert "Segment clean of part 0: file:///srv/part-00000.clean.csv\n" in done.stderr
    assert "Segment bad of part 0: empty\n" in done.stderr
    [document] = shell.documents("result", "crm-1")
    assert [file["url"] for file in document["result"]["segments"]] == [clean["url"], None]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("running", ExitCode.NOT_FINISHED),
        ("attention", ExitCode.ATTENTION),
        ("failed", ExitCode.FAILED),
        (None, ExitCode.FAILED),
    ],
)
def test_result_says_why_there_is_none(shell: Shell, worker: WorkerSide, state: str | None, code: ExitCode) -> None:
    """Without a result nothing is on standard output, and the exit code tells whether it may still come."""
    if state is not None:
        worker.record("crm-1", state)
    done = shell.run("result", "crm-1")
    assert (done.stdout, done.exit_code) == ("", code)
    assert "crm-1" in done.stderr
    assert done.stderr == f"{done.stderr.rstrip()}\n"
    [document] = shell.documents("result", "crm-1")
    assert (document["state"], document["result"]) == (state or "unknown", None)


# events, schema


def test_events_are_lines_or_json(shell: Shell, worker: WorkerSide) -> None:
    """Each event is one line with its time, or one JSON document."""
    worker.event("accepted", "crm-1", entry="1-1", duplicate=False)
    last = worker.event("accepted", "other")
    done = shell.run("events", "crm-1")
    assert re.search(r'2023-11-14 22:13:20Z  accepted  crm-1  \{"duplicate": false', done.stdout)
    assert len(done.stdout.splitlines()) == 1
    [event] = [json.loads(line) for line in shell.run("events", "--json", "crm-1").stdout.splitlines()]
    assert event["details"] == {"entry": "1-1", "duplicate": False}
    assert len(shell.run("events").stdout.splitlines()) == 2
    assert shell.run("events", "--since", last).stdout == ""
    assert shell.run("events", "--since", "noon").exit_code == ExitCode.USAGE


def test_schema_prints_json() -> None:
    """The contract can be piped into any JSON Schema tool, and needs no server."""
    done = CliRunner().invoke(command_line(), ["schema"])
    assert json.loads(done.stdout)["$id"] == "urn:bulkverify:upload-request:1"


def test_every_help_lists_the_exit_codes() -> None:
    """The help of every command that can fail documents how it ends."""
    for name in ("upload", "watch", "wait", "result", "events"):
        said = CliRunner().invoke(command_line(), [name, "--help"]).stdout
        for code in ExitCode:
            assert f"{code.value:>3}  {code.meaning[:40]}" in said


# Ctrl-C, terminals


def test_ctrl_c_ends_the_command_and_not_the_upload(redis_url: str, worker: WorkerSide, files: Path) -> None:
    """An interrupted wait says that the upload goes on and how to wait for it, and ends with 130."""
    script = (
        "import sys; from tests.integration.test_producers_commands import Door, command_line; "
        "command_line().main(sys.argv[2:], obj=Door(sys.argv[1]))"
    )
    upload = [sys.executable, "-c", script, redis_url, "upload", str(files / "one.csv"), "--account", "main", "--wait"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        upload, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        entry, fields = worker.next_request()
        worker.accept(entry, fields["upload_id"])
        assert running.stderr is not None
        assert "waiting for intake" in running.stderr.readline()
        assert "accepted" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=30)
    assert running.returncode == ExitCode.INTERRUPTED
    assert stdout == ""
    assert (
        stderr == f"Interrupted. What was submitted goes on; wait for it with: bulkverify wait {fields['upload_id']}\n"
    )


def test_a_terminal_shows_one_bar_per_upload(redis_url: str, worker: WorkerSide) -> None:
    """Bars show the name as it is, the stage, the share done and the parts."""
    screen = io.StringIO()
    worker.record("crm-1", "running", distinct=200, parts_total=2)
    worker.parts("crm-1", submitted=1, collected=1, rows_done=84)
    with Client(redis_url) as client, Bars(Console(file=screen, force_terminal=True, width=160)) as bars:
        status = client.status("crm-1")
        assert status is not None
        bars.show("[red]list.csv", WAITING)
        bars.show("[red]list.csv", stage_of(status))
        bars.show("two.csv", WAITING)
        bars.note("[bold] is a word")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).replace("\r", "\n")
    assert re.search(r"\[red\]list\.csv .*42% verifying 2/2 parts submitted, 1 collected", shown)
    assert "two.csv" in shown
    assert "[bold] is a word" in shown


@pytest.mark.parametrize(
    ("state", "parts", "word", "percent"),
    [
        ("accepted", {}, "accepted", None),
        ("preparing", {}, "staging", None),
        ("running", {"pending": 1, "submitted": 1}, "submitting", 0),
        ("running", {"submitted": 2, "rows_done": 50}, "verifying", 50),
        ("running", {"finished": 2, "rows_done": 100}, "collecting", 100),
        ("attention", {"quarantined": 1, "submitted": 1, "rows_done": 150}, "needs attention", 100),
        ("delivering", {"collected": 2}, "delivering", 100),
        ("completed", {"collected": 2}, "delivered", 100),
        ("failed", {}, "failed", 0),
        ("reflecting", {}, "reflecting", None),
    ],
)
def test_every_state_is_a_stage(
    *, redis_url: str, worker: WorkerSide, state: str, parts: dict[str, int], word: str, percent: int | None
) -> None:
    """What is shown follows from the record and the part counts, and never exceeds 100 %."""
    worker.record("crm-1", state, distinct=100, parts_total=2)
    if parts:
        worker.parts("crm-1", **parts)
    with Client(redis_url) as client:
        status = client.status("crm-1")
    assert status is not None
    assert (stage_of(status).word, stage_of(status).percent) == (word, percent)


def test_what_is_awaited_is_the_stream_of_the_contract(shell: Shell, redis_client: redis.Redis, files: Path) -> None:
    """A request written with redis-cli's plain XADD is waited for like any other."""
    text = json.dumps(
        {
            "version": 1,
            "upload_id": "raw-1",
            "account": "main",
            "kind": "email",
            "source": {"path": str(files / "one.csv")},
        }
    )
    redis_client.xadd(UPLOADS_STREAM, {"request": text})
    worker = WorkerSide(redis_client)
    wait_until(lambda: len(worker.requests()) == 1, what="the raw request")
    with meanwhile(lambda: worker.accept_and_complete(files / "result.csv")):
        assert shell.run("wait", "raw-1", "--timeout", "30").exit_code == ExitCode.OK
