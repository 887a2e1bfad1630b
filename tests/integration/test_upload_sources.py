"""`bulkverify upload` of lists that are no files: from standard input, from storage, from another host."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from producers.exit_codes import ExitCode
from tests.builders.command_line import CommandLine
from tests.builders.worker_side import WorkerSide, meanwhile

if TYPE_CHECKING:
    from pathlib import Path

    import redis

URL = "file:///srv/storage/inputs/list.csv"


@pytest.fixture
def worker(redis_client: redis.Redis) -> WorkerSide:
    """Return the workers' side of an empty database."""
    return WorkerSide(redis_client)


@pytest.fixture
def run(redis_url: str, tmp_path: Path) -> CommandLine:
    """Return a command line on the same database."""
    return CommandLine(redis_url, tmp_path)


def test_values_on_standard_input_are_the_rows_of_a_request(run: CommandLine, worker: WorkerSide) -> None:
    """With - the lines that another program prints are submitted, and the id follows from them."""
    done = run("upload", "-", "--account", "main", "--json", answer="a@example.com\nb@example.com\n")
    [(_, fields)] = worker.requests()
    assert fields["source"] == {"rows": ["a@example.com", "b@example.com"]}
    report = json.loads(done.stdout)
    assert (report["file"], report["state"], report["upload_id"]) == ("-", "requested", fields["upload_id"])
    assert done.exit_code == ExitCode.OK


def test_the_same_values_again_are_known(run: CommandLine, worker: WorkerSide) -> None:
    """Rows that were submitted before are recognised like a file is, and not sent a second time."""
    upload_id = json.loads(run("upload", "-", "--account", "main", "--json", answer="a\n").stdout)["upload_id"]
    worker.record(upload_id, "running")
    report = json.loads(run("upload", "-", "--account", "main", "--json", answer="a\n").stdout)
    assert (report["already_known"], report["state"]) == (True, "running")
    assert len(worker.requests()) == 1


@pytest.mark.parametrize("option", ["--url", "--remote-url"])
def test_a_url_with_an_id_is_submitted_at_once(run: CommandLine, worker: WorkerSide, option: str) -> None:
    """Nobody has to answer for an upload whose id was given."""
    done = run("upload", option, URL.replace("file", "https"), "--account", "main", "--id", "crm-1", "--column", "0")
    [(_, fields)] = worker.requests()
    assert fields["source"] == {option[2:].replace("-", "_"): URL.replace("file", "https")}
    assert fields["options"] == {"column": 0}
    assert "crm-1" in done.stdout
    assert done.exit_code == ExitCode.OK


def test_a_url_without_an_id_is_named_by_intake(run: CommandLine, worker: WorkerSide, tmp_path: Path) -> None:
    """The command learns the id from intake's answer, and waits for that upload."""

    def answer() -> None:
        entry, _ = worker.next_request()
        worker.accept(entry, "auto-1")
        worker.complete("auto-1", tmp_path / "result.csv")

    with meanwhile(answer):
        done = run("upload", "--url", URL, "--account", "main", "--wait", "--json")
    report = json.loads(done.stdout)
    assert (report["upload_id"], report["file"], report["state"]) == ("auto-1", URL, "completed")
    assert done.exit_code == ExitCode.OK


def test_a_refusal_of_a_url_is_reported(run: CommandLine, worker: WorkerSide) -> None:
    """What intake says of a list that it cannot name is the report."""
    with meanwhile(lambda: worker.reject(worker.next_request()[0], "", "url_outside_storage")):
        done = run("upload", "--url", URL, "--account", "main", "--wait", "--json")
    report = json.loads(done.stdout)
    assert (report["state"], report["reason"], report["remedy"]) == ("rejected", "url_outside_storage", "Mend it.")
    assert done.exit_code == ExitCode.FAILED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name what is to be verified"),
        (("list.csv", "--url", URL), "Name what is to be verified"),
        (("--url", URL, "--remote-url", URL), "Name what is to be verified"),
        (("-", "list.csv"), "a list of their own"),
        (("-",), "nothing on standard input"),
        (("--url", "list.csv"), "source.url"),
        (("--remote-url", "https://user:hunter2@example.com/"), "source.remote_url"),
    ],
)
def test_what_names_no_list_is_refused(
    run: CommandLine, worker: WorkerSide, arguments: tuple[str, ...], said: str
) -> None:
    """A command line without a list, or with two, ends with code 2, says why, and submits nothing."""
    done = run("upload", *arguments, "--account", "main", answer="")
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
    assert "hunter2" not in done.output
    assert worker.requests() == []


def test_options_for_files_do_not_go_with_rows(run: CommandLine, worker: WorkerSide) -> None:
    """How to read a file is no question for rows, and whoever asks is told."""
    done = run("upload", "-", "--account", "main", "--header", answer="a\n")
    assert done.exit_code == ExitCode.USAGE
    assert "source.rows" in done.stderr
    assert worker.requests() == []
