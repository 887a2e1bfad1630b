"""A watched folder against a real Redis: every file ends in done or rejected, once, whatever interrupts the watch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from producers import watch_folder, watching
from producers.client import Client
from producers.commands import COMMANDS
from producers.errors import FolderUnusable
from producers.exit_codes import ExitCode
from producers.uploading import Wish
from producers.watch_events import Told, Word
from producers.watch_folder import LOCK_NAME, NAME_BYTES_MAX, Folder
from producers.watching import Rules, Watching
from tests.builders.deadline import wait_until
from tests.builders.line import running_line
from tests.builders.worker_side import WorkerSide, meanwhile

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis
    from click.testing import Result

ROOT = Path(__file__).parents[2]
ADDRESSES = "a@example.com\n"


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Bench:
    """A folder, and one watch after the other over it; time passes by rounds."""

    folder: Path
    redis_url: str
    worker: WorkerSide
    told: list[Told] = field(default_factory=list)
    now: float = 0.0
    watching: Watching = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.start()

    def start(self, redis_url: str | None = None) -> None:
        """Start a watch that knows nothing of those before it."""
        wish = Wish("main", "email", None, {}, "")
        client = Client(redis_url or self.redis_url)
        self.watching = Watching(client, Folder(self.folder), wish, Rules("*", 10, 5), self.told.append)

    def rounds(self, count: int = 1) -> None:
        """Let so many periods pass."""
        for _ in range(count):
            self.watching.round(self.now)
            self.now += 5

    def settle(self) -> None:
        """Let every file there settle, and submit it."""
        self.rounds(3)

    def file(self, name: str = "list.csv", text: str = ADDRESSES) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def words(self) -> list[Word]:
        """What was told so far."""
        return [told.event for told in self.told]

    def names(self, folder: str = ".") -> list[str]:
        """The plain files in the folder or in one of its folders."""
        return sorted(path.name for path in (self.folder / folder).iterdir() if path.is_file())

    def ids(self) -> list[str]:
        """Upload ids of all requests in the stream."""
        return [str(fields["upload_id"]) for _, fields in self.worker.requests()]


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, redis_client: redis.Redis) -> Bench:
    """Return a watched folder on an empty database."""
    return Bench(tmp_path / "inbox", redis_url, WorkerSide(redis_client))


def test_a_file_is_moved_only_when_the_workers_have_staged_it(bench: Bench) -> None:
    """Accepted and preparing leave it where the workers read it; running moves it to done, once."""
    path = bench.file()
    bench.rounds(2)
    assert bench.ids() == []
    bench.rounds()
    [(entry, fields)] = bench.worker.requests()
    assert fields["source"] == {"path": str(path)}
    upload_id = fields["upload_id"]
    bench.worker.accept(entry, upload_id)
    bench.rounds()
    bench.worker.record(upload_id, "preparing")
    bench.rounds()
    assert path.exists()
    bench.worker.record(upload_id, "running", parts_total=1)
    bench.rounds(2)
    assert (bench.names(), bench.names("done"), bench.names("rejected")) == ([], ["list.csv"], [])
    assert bench.words() == [Word.SUBMITTED, Word.DONE]
    assert bench.told[-1].moved_to == bench.folder / "done" / "list.csv"
    assert not bench.told[-1].already_known
    assert bench.ids() == [upload_id]


def test_what_is_no_complete_list_is_left_alone(bench: Bench) -> None:
    """Folders, links, pipes, hidden and unfinished files are never submitted."""
    (bench.folder / "folder.csv").mkdir()
    outside = bench.folder.parent / "outside.csv"
    outside.write_text(ADDRESSES)
    (bench.folder / "link.csv").symlink_to(outside)
    os.mkfifo(bench.folder / "pipe.csv")
    for name in (".hidden.csv", "list.csv.part", "old.csv.reason.txt"):
        bench.file(name)
    bench.rounds(5)
    assert bench.ids() == []
    assert bench.told == []


def test_a_file_that_is_renamed_into_place_does_not_wait(bench: Bench) -> None:
    """The first look after the renaming submits it."""
    path = bench.file("list.csv.part")
    bench.rounds()
    path.rename(bench.folder / "list.csv")
    bench.rounds()
    assert len(bench.ids()) == 1


def test_a_rejected_file_has_its_reason_beside_it(bench: Bench) -> None:
    """What intake said, what to do, the upload's id and the time are in a file for people."""
    bench.file()
    bench.settle()
    entry, fields = bench.worker.next_request()
    bench.worker.reject(entry, fields["upload_id"], "account_unknown")
    bench.rounds()
    assert bench.names("rejected") == ["list.csv", "list.csv.reason.txt"]
    told = (bench.folder / "rejected" / "list.csv.reason.txt").read_text().splitlines()
    assert [line for line in told if not line.startswith("time: ")] == [
        "file: list.csv",
        f"upload_id: {fields['upload_id']}",
        "reason: account_unknown",
        "message: It is a account_unknown.",
        "remedy: Mend it.",
    ]
    assert bench.watching.rejected == 1


def test_another_ones_rejection_is_not_this_files(bench: Bench) -> None:
    """A request of the same content that another application sent, and was refused, says nothing about this one."""
    bench.file()
    bench.settle()
    bench.worker.reject("1-1", bench.ids()[0])
    bench.rounds(2)
    assert bench.names() == ["list.csv"]


def test_a_file_that_is_put_back_is_submitted_again(bench: Bench) -> None:
    """A rejected list may be tried again by moving it back; its old reason is replaced."""
    path = bench.file()
    for number in (1, 2):
        bench.settle()
        entry, fields = bench.worker.next_request(number)
        bench.worker.reject(entry, fields["upload_id"], f"reason_{number}")
        bench.rounds()
        (bench.folder / "rejected" / "list.csv").rename(path)
    assert "reason_2" in (bench.folder / "rejected" / "list.csv.reason.txt").read_text()
    assert bench.names("rejected") == ["list.csv.reason.txt"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_list_that_could_not_be_prepared_is_rejected(bench: Bench, state: str) -> None:
    """An upload that ended before it was staged sends its file to rejected, with the upload's own words."""
    bench.file()
    bench.settle()
    bench.worker.record(bench.ids()[0], state, reason="no_values", message="No values.")
    bench.rounds()
    reason = (bench.folder / "rejected" / "list.csv.reason.txt").read_text()
    assert "reason: no_values\nmessage: No values.\n" in reason
    assert "another upload id" in reason
    assert bench.told[-1].state == state


def test_the_same_content_is_recognised(bench: Bench) -> None:
    """A second file with the content of one that is known goes to done, is told so, and asks for nothing."""
    for number in (1, 2, 3):
        bench.file()
        bench.settle()
        bench.worker.record(bench.ids()[0], "completed", parts_total=1)
        bench.rounds()
        assert len(bench.names("done")) == number
    assert bench.names("done") == ["list.2.csv", "list.3.csv", "list.csv"]
    assert len(bench.ids()) == 1
    assert [told.already_known for told in bench.told if told.event is Word.DONE] == [False, True, True]
    assert "nothing is paid again" in bench.told[-1].as_line()


def test_two_files_with_one_content_are_one_request(bench: Bench) -> None:
    """Both wait for the one upload; when the first is refused, the second asks for itself."""
    bench.file("a.csv")
    bench.file("b.csv")
    bench.rounds(5)
    assert len(bench.ids()) == 1
    entry, fields = bench.worker.next_request()
    bench.worker.reject(entry, fields["upload_id"])
    bench.rounds()
    assert len(bench.ids()) == 2
    assert len(bench.names()) == len(bench.names("rejected")) - 1 == 1
    bench.worker.record(bench.ids()[0], "running")
    bench.rounds()
    assert (bench.names(), len(bench.names("done"))) == ([], 1)


def test_a_file_that_changes_after_its_submission_is_taken_anew(bench: Bench) -> None:
    """The old content's upload does not move the new content away."""
    path = bench.file()
    bench.settle()
    path.write_text("other@example.com\n")
    bench.worker.record(bench.ids()[0], "running")
    bench.rounds()
    assert (bench.names(), bench.words()) == (["list.csv"], [Word.SUBMITTED, Word.CHANGED])
    bench.rounds(2)
    assert len(set(bench.ids())) == 2


def test_an_empty_file_is_tried_again_and_then_rejected(bench: Bench) -> None:
    """It is told once, may still be filled, and does not stay for ever."""
    bench.file("filled.csv", "")
    bench.file("empty.csv", "")
    bench.rounds(4)
    assert bench.words() == [Word.PROBLEM] * 2
    bench.file("filled.csv")
    bench.rounds(round(watching.UNUSABLE_SECONDS / 5) + 1)
    assert bench.names("rejected") == ["empty.csv", "empty.csv.reason.txt"]
    assert "is empty" in bench.told[-1].why.message
    assert len(bench.ids()) == 1


def test_a_name_that_is_no_text_is_rejected(bench: Bench) -> None:
    """A request cannot name such a file; its event is text all the same."""
    Path(os.fsdecode(os.fsencode(bench.folder) + b"/\xff.csv")).write_text(ADDRESSES)
    bench.settle()
    assert bench.words() == [Word.REJECTED]
    assert json.loads(bench.told[0].as_json().encode())["file"] == "�.csv"
    assert len(bench.names("rejected")) == 2


def test_a_name_as_long_as_can_be_finds_room(bench: Bench) -> None:
    """The name in rejected is cut where the reason's would be too long."""
    bench.file("x" * 251 + ".csv")
    bench.settle()
    bench.worker.record(bench.ids()[0], "failed")
    bench.rounds()
    assert [len(name) for name in bench.names("rejected")] == [NAME_BYTES_MAX, 255]


def test_only_so_many_files_are_in_hand(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are submitted first, and the next ones when these are staged."""
    monkeypatch.setattr(watching, "HELD_MAX", 2)
    for number in range(3):
        os.utime(bench.file(f"{number}.csv", f"{number}@example.com\n"), (1000 - number, 1000 - number))
    bench.rounds(5)
    assert [Path(fields["source"]["path"]).name for _, fields in bench.worker.requests()] == ["2.csv", "1.csv"]
    bench.worker.record(bench.ids()[0], "running")
    bench.rounds(2)
    assert len(bench.ids()) == 3


def test_a_crowded_folder_keeps_the_files_it_knows(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that come later have no place before one that is being looked after is moved."""
    monkeypatch.setattr(watch_folder, "FILES_SEEN_MAX", 1)
    bench.file("known.csv")
    bench.rounds()
    for number in range(20):
        bench.file(f"{number}.csv", f"{number}@example.com\n")
    bench.rounds(2)
    assert [told.file for told in bench.told] == ["known.csv"]
    bench.worker.record(bench.ids()[0], "running")
    bench.rounds(4)
    assert bench.words() == [Word.SUBMITTED, Word.DONE, Word.SUBMITTED]


def test_a_request_that_nobody_answers_is_sent_again(bench: Bench) -> None:
    """If the stream was lost with all it held, the same upload is asked for once more."""
    bench.file()
    bench.rounds(round(watching.ASK_AGAIN_SECONDS / 5) + 2)
    assert len(bench.ids()) == 1
    bench.rounds(2)
    assert len(bench.ids()) == 2
    assert len(set(bench.ids())) == 1


def test_a_redis_that_is_away_is_waited_for(bench: Bench) -> None:
    """It is told once that Redis is away and once that it is back, and nothing is lost."""
    bench.file()
    here, away = bench.watching.client, Client("redis://127.0.0.1:1/0")
    bench.watching.client = away
    bench.rounds(4)
    bench.watching.client = here
    bench.rounds(2)
    assert bench.words() == [Word.REDIS_AWAY, Word.SUBMITTED, Word.REDIS_BACK]
    assert "127.0.0.1:1" in bench.told[0].as_line()
    assert len(bench.ids()) == 1


def test_a_folder_that_goes_away_is_told_and_waited_for(bench: Bench) -> None:
    """An unmounted folder ends nothing."""
    bench.file()
    aside = bench.folder.with_name("aside")
    bench.folder.rename(aside)
    bench.rounds(3)
    assert bench.words() == [Word.PROBLEM]
    aside.rename(bench.folder)
    bench.settle()
    assert len(bench.ids()) == 1


@pytest.mark.parametrize("ending", ["done", "rejected"])
def test_a_file_that_was_replaced_is_not_moved(bench: Bench, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Neither before the renaming nor at that very moment does a move take what it was not meant for."""
    folder = bench.watching.folder
    path = bench.file()
    seen = folder.seen("list.csv")
    assert seen is not None

    def move() -> Path | None:
        return folder.finish("list.csv", seen) if ending == "done" else folder.reject("list.csv", seen, "reason")

    rename = Path.rename

    def replaced_at_that_moment(source: Path, target: Path) -> Path:
        path.write_text("longer@example.com\n")
        return rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", replaced_at_that_moment)
        assert move() is None
    assert path.read_text() == "longer@example.com\n"
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("renamed"))
    assert move() is None
    assert bench.names(ending) == []


def test_a_file_that_cannot_be_moved_is_tried_again(bench: Bench) -> None:
    """Without its folder it stays, which is told once, and is moved when the folder is back."""
    bench.file()
    bench.settle()
    bench.worker.record(bench.ids()[0], "running")
    (bench.folder / "done").rename(bench.folder.with_name("aside"))
    # A file in the way of the folder fails the renaming for every user, root too.
    (bench.folder / "done").write_text("")
    bench.watching.rules = Rules("*.csv", 10, 5)
    bench.rounds(2)
    assert bench.words() == [Word.SUBMITTED, Word.PROBLEM]
    (bench.folder / "done").unlink()
    (bench.folder / "done").mkdir()
    bench.rounds()
    assert bench.names("done") == ["list.csv"]


# Kills


def interrupted_at(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, *, after: bool) -> None:
    """End the process before or after a call."""
    call: Callable[..., object] = getattr(owner, name)

    def interrupted(*arguments: Any, **more: Any) -> object:
        if after:
            call(*arguments, **more)
        raise Killed

    monkeypatch.setattr(owner, name, interrupted)


#: Every step that changes something: its owner, its name, and whether the process ends after it rather than before.
STEPS = [
    (Client, "submit_request", False),
    (Client, "submit_request", True),
    (Path, "write_text", True),
    (Path, "replace", False),
    (Path, "replace", True),
    (Path, "rename", False),
    (Path, "rename", True),
]


@pytest.mark.parametrize(("owner", "name", "after"), STEPS)
@pytest.mark.parametrize("ending", ["rejected", "done"])
def test_a_watch_that_is_killed_at_any_step_is_continued_by_the_next(
    *, bench: Bench, monkeypatch: pytest.MonkeyPatch, ending: str, owner: type, name: str, after: bool
) -> None:
    """One file, one upload id, one place, and no rejected file without its reason, wherever the watch ended."""
    bench.file()

    def answer() -> None:
        for entry, fields in bench.worker.requests()[-1:]:
            if ending == "done":
                bench.worker.record(fields["upload_id"], "running")
            else:
                bench.worker.reject(entry, fields["upload_id"])

    with monkeypatch.context() as patched, suppress(Killed):
        interrupted_at(patched, owner, name, after=after)
        bench.settle()
        answer()
        bench.rounds()
    rejected = bench.names("rejected")
    assert "list.csv" not in rejected or "list.csv.reason.txt" in rejected
    bench.start()
    bench.settle()
    answer()
    bench.rounds()
    expected = {"done": ["list.csv"], "rejected": []} if ending == "done" else {"done": [], "rejected": ["list.csv"]}
    assert bench.names() == []
    assert bench.names("done") == expected["done"]
    assert [each for each in bench.names("rejected") if not each.startswith(".")] == [
        each + end for each in expected["rejected"] for end in ("", ".reason.txt")
    ]
    assert len(set(bench.ids())) == 1


# The command


class Door:
    """The door of a command line that knows one server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self) -> Client:
        """A client of it."""
        return Client(self._url)


def command_line() -> click.Group:
    """A command line that holds the producers' commands."""
    return click.Group("bulkverify", commands={command.name or "": command for command in COMMANDS})


def run(bench: Bench, *arguments: str, url: str | None = None) -> Result:
    """Run `watch` to its end, with short times."""
    times = ["--settle", "0", "--period", "0.05", "--account", "main"]
    return CliRunner().invoke(
        command_line(), ["watch", str(bench.folder), *times, *arguments], obj=Door(url or bench.redis_url)
    )


def test_once_ends_when_every_file_is_dealt_with(bench: Bench) -> None:
    """Each event is one JSON document, the options are those of the request, and a rejection is the exit code."""
    bench.file("good.csv", "good@example.com\n")
    bench.file("bad.csv", "bad@example.com\n")

    def work() -> None:
        bench.worker.next_request(2)
        for entry, fields in bench.worker.requests():
            if fields["source"]["path"].endswith("good.csv"):
                bench.worker.record(fields["upload_id"], "running")
            else:
                bench.worker.reject(entry, fields["upload_id"])

    with meanwhile(work):
        done = run(bench, "--once", "--json", "--kind", "proxy", "--column", "0", "--label", "news")
    assert (done.exit_code, done.stderr) == (ExitCode.FAILED, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted((event["event"], event["file"]) for event in events) == [
        ("done", "good.csv"),
        ("rejected", "bad.csv"),
        ("submitted", "bad.csv"),
        ("submitted", "good.csv"),
    ]
    for _, fields in bench.worker.requests():
        assert (fields["kind"], fields["options"], fields["label"]) == ("proxy", {"column": 0}, "news")
    assert run(bench, "--once").exit_code == ExitCode.OK


def test_a_watch_asks_for_what_upload_can_ask_for(bench: Bench) -> None:
    """Method, segments and the place of the result go from the command line into every request."""
    bench.file()
    options = ["--method", "form", "--segment", "bad", "--segment", "clean", "--result", "rows", "--screen"]
    done = run(bench, "--once", "--timeout", "0.3", *options, "--spreadsheet-safe")
    assert done.exit_code == ExitCode.NOT_FINISHED, done.stderr
    [(_, fields)] = bench.worker.requests()
    assert (fields["method"], fields["segments"], fields["result"]) == ("form", ["bad", "clean"], "rows")
    assert (fields["screen"], fields["spreadsheet_safe"], "format" in fields) == (True, True, False)


def test_a_watch_refuses_what_no_file_could_be_submitted_with(bench: Bench) -> None:
    """Options that contradict each other are refused before anything is looked at."""
    done = run(bench, "--once", "--format", "jsonl", "--spreadsheet-safe")
    assert done.exit_code == ExitCode.USAGE
    assert "has spreadsheet_safe, which is about CSV" in done.stderr


def test_once_leaves_what_takes_too_long(bench: Bench) -> None:
    """When the time is up, what is left is named; the next run goes on with it."""
    bench.file()
    done = run(bench, "--once", "--timeout", "0.3")
    assert done.exit_code == ExitCode.NOT_FINISHED
    assert "Left for the next time: list.csv" in done.stderr
    bench.worker.record(bench.ids()[0], "running")
    done = run(bench, "--once")
    assert done.exit_code == ExitCode.OK
    assert "list.csv  done" in done.stdout


def test_once_says_that_redis_is_away(bench: Bench) -> None:
    """The exit code is the one of every command without Redis."""
    bench.file()
    done = run(bench, "--once", "--timeout", "0.3", url="redis://127.0.0.1:1/0")
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert done.stdout.count("redis_away") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "3"], "--once"),
        (["--once", "--delimiter", "ab"], "options.delimiter"),
        (["--once", "--period", "0"], "--period"),
        (["--once", "--again"], "--again"),
    ],
)
def test_what_cannot_be_meant_is_refused(bench: Bench, arguments: list[str], said: str) -> None:
    """A wrong command line ends before any file is touched."""
    bench.file()
    done = run(bench, *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr
    assert bench.names() == ["list.csv"]


def test_a_folder_is_watched_once(bench: Bench) -> None:
    """A second watch of the same folder, as of an overlapping cron job, says so and ends."""
    with Folder(bench.folder).alone():
        done = run(bench, "--once")
    assert done.exit_code == ExitCode.USAGE
    assert "Another bulkverify watch is at work" in done.stderr


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """A path that is missing, or of something else, is refused at the start."""
    (tmp_path / "file").touch()
    for name in ("gone", "file"):
        with pytest.raises(FolderUnusable, match=name):
            Folder(tmp_path / name)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.OK), (signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGKILL, -9)]
)
def test_a_signal_ends_the_watch_and_the_next_one_goes_on(bench: Bench, number: signal.Signals, code: int) -> None:
    """A real process that is ended after it submitted leaves the file to the next, which pays for nothing anew."""
    bench.file()
    script = (
        "import sys; from tests.integration.test_watch import Door, command_line; "
        "command_line().main(sys.argv[2:], obj=Door(sys.argv[1]))"
    )
    options = ["--account", "main", "--settle", "0", "--period", "0.05"]
    with subprocess.Popen(
        [sys.executable, "-c", script, bench.redis_url, "watch", str(bench.folder), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        bench.worker.next_request()
        assert running.stdout is not None
        assert "submitted" in running.stdout.readline()
        running.send_signal(number)
        running.communicate(timeout=30)
    assert running.returncode == code
    bench.worker.record(bench.ids()[0], "running")
    assert run(bench, "--once").exit_code == ExitCode.OK
    assert bench.names("done") == ["list.csv"]
    assert bench.names() == [LOCK_NAME]
    assert len(set(bench.ids())) == 1


def test_a_list_in_the_folder_is_verified(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Through a whole line: the file goes to done, its upload is completed, and the same list again costs nothing."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        bench = Bench(tmp_path / "inbox", redis_url, WorkerSide(line.plant.context.store.client))
        bench.watching.wish = Wish("ipqs-main", "email", None, {"column": "email"}, "watched")
        for text in ("email\na@example.com\nb@example.com\n", "email\na@example.com\nb@example.com\n", "email\n\n"):
            bench.file(text=text)
            bench.settle()
            wait_until(lambda: _ended(bench, line.intake.read), seconds=20, what="the file in its place")
        upload_id = bench.told[0].upload_id
        line.finish(upload_id)
        assert line.client.result(upload_id).counts.matched == 2
        assert len(line.ipqs.ledger) == 1
    assert bench.names("done") == ["list.2.csv", "list.csv"]
    assert bench.names("rejected") == ["list.csv", "list.csv.reason.txt"]
    assert "reason: empty\n" in (bench.folder / "rejected" / "list.csv.reason.txt").read_text()


def _ended(bench: Bench, read: Callable[[], int]) -> bool:
    """Let intake and the watch work once; whether the folder is empty."""
    read()
    bench.rounds()
    return bench.names() == []
