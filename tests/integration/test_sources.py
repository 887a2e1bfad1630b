"""Every source of a list, from its request to its result, and what becomes of one that cannot be read."""

from __future__ import annotations

import csv
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from producers.errors import NotAccepted, Rejected, RequestInvalid, SourceUnusable
from producers.inline_rows import rows_as_file
from tests.builders.command_line import CommandLine
from tests.builders.deadline import wait_until
from tests.builders.line import Line, running_line
from tests.builders.scripted_server import ScriptedServer
from tests.builders.worker_side import meanwhile
from worker.actors.names import input_name, staged_input
from worker.core.states import UploadState
from worker.intake import stream as intake_stream
from worker.storage import exists

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = ["jane@example.com", "", "JANE@Example.com", 'odd,"one"@example.com', "jane@EXAMPLE.com"]
PLAIN = b"a@example.com\nb@example.com\n"
HEADED = b"name,email\nAnn,a@example.com\nAgain,a@example.com\n"


@pytest.fixture
def site() -> Iterator[ScriptedServer]:
    """Yield a host that gives what a test tells it."""
    with ScriptedServer() as server:
        yield server


def serve(site: ScriptedServer, content: bytes, times: int = 1) -> str:
    """Have the host give a list so many times; the list's URL."""
    for _ in range(times):
        site.then(content, Content_Length=str(len(content)))
    return f"{site.base_url}/lists/customers.csv"


def place_of(site: ScriptedServer) -> str:
    """The host as settings name it."""
    return urlsplit(site.base_url).netloc


def add(line: Line, source: dict[str, Any], **fields: Any) -> None:
    """Put a request into the stream, as any language would."""
    request = {"version": 1, "account": "ipqs-main", "kind": "email", "source": source, **fields}
    line.plant.context.store.client.xadd("bulkverify:uploads", {"request": json.dumps(request)})


def ask(line: Line, source: dict[str, Any], **fields: Any) -> None:
    """Put a request into the stream and have it answered."""
    add(line, source, **fields)
    line.intake.read()


def answer_one(line: Line) -> None:
    """Answer the next request, whenever it comes."""
    wait_until(lambda: line.intake.read() > 0, seconds=30, what="a request")


def answers(line: Line) -> list[tuple[str, str]]:
    """What intake has answered, oldest first: the upload accepted, or the reason of a rejection."""
    told = [event for event in line.client.events() if event.event in {"accepted", "rejected"}]
    return [(event.event, event.details.get("reason") or event.upload_id) for event in told]


def rejection(line: Line) -> dict[str, str]:
    """The only rejection."""
    entries: Any = line.plant.context.store.client.xrange("bulkverify:rejected")
    ((_, fields),) = entries
    return dict(fields)


def everything_in(client: Any) -> Iterator[str]:
    """Every key of a database with all that it holds."""
    reads = {
        "string": client.get,
        "hash": client.hgetall,
        "stream": client.xrange,
        "zset": lambda key: client.zrange(key, 0, -1),
        "set": client.smembers,
        "list": lambda key: client.lrange(key, 0, -1),
    }
    for key in client.scan_iter():
        yield f"{key}: {reads[client.type(key)](key)}"


def put(line: Line, name: str, content: bytes) -> str:
    """Put a list into the storage's folder for inputs, as an application does; its URL."""
    path = line.folder / "storage" / "inputs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path.as_uri()


def result_rows(line: Line, upload_id: str) -> list[dict[str, str]]:
    """The rows of an upload's result, once it is complete."""
    line.finish(upload_id)
    assert line.upload(upload_id).state is UploadState.COMPLETED, line.upload(upload_id).message
    path = line.client.result(upload_id).path
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def charges(line: Line) -> list[int]:
    """The rows of every charge."""
    return [charge.rows for sandbox in (line.ipqs, line.whoisxml) for charge in sandbox.ledger]


# Rows


@pytest.mark.parametrize("account", ["ipqs-main", "whoisxml-main"])
def test_rows_of_a_request_come_back_verified(tmp_path: Path, redis_url: str, broker_url: str, account: str) -> None:
    """Every value of a request comes back in its place, whatever characters it has; equal ones are paid for once."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.client.submit(rows=ROWS, account=account, kind="email")
        line.intake.read()
        rows = result_rows(line, upload_id)
        assert [row["email"] for row in rows] == ROWS
        assert [row["bv_row"] for row in rows] == ["matched", "empty", "matched", "matched", "folded"]
        assert charges(line) == [3]


def test_a_record_holds_the_number_of_rows_and_none_of_them(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Once a request with rows is answered, no key of the database has a value of it; storage has all of them."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload_id = line.client.submit(rows=ROWS, account="ipqs-main", kind="email")
        line.intake.read()
        upload = line.upload(upload_id)
        assert upload.source == {"rows": "5"}
        assert line.plant.context.storage.read(input_name(upload), 10_000) == rows_as_file(ROWS)
        assert "5 rows in the request" in CommandLine(redis_url, tmp_path)("show", upload_id).stdout
        held = list(everything_in(line.plant.context.store.client))
        assert len(held) > 3
        assert [text for text in held if "example.com" in text.lower()] == []


def test_rows_survive_a_restart_before_they_are_staged(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Processes that start after intake has accepted rows and died find them, and the upload is completed."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload_id = line.client.submit(rows=ROWS, account="ipqs-main", kind="email")
        line.intake.read()
        assert line.upload(upload_id).state is UploadState.ACCEPTED
    with running_line(tmp_path, redis_url, broker_url) as line:
        assert len(result_rows(line, upload_id)) == len(ROWS)


def test_rows_whose_intake_died_before_it_answered_are_accepted_by_the_next(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows that a dying intake had kept already are no hindrance to the one that takes the request over."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        upload_id = line.client.submit(rows=ROWS, account="ipqs-main", kind="email")
        monkeypatch.setattr(type(line.plant.context), "apply", _die)
        with pytest.raises(KeyboardInterrupt):
            line.intake.read()
    monkeypatch.undo()
    monkeypatch.setattr(intake_stream, "TAKEOVER_MILLISECONDS", 0)
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.intake.read()
        assert len(result_rows(line, upload_id)) == len(ROWS)


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def test_rows_are_never_taken_for_something_else(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A first value that reads like a header, a workbook or a table is a value like any other."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        for first in ("email", "PK\x03\x04@example.com", "a;b;c", "\ufeffx@example.com"):
            upload_id = line.client.submit(rows=[first, "a@example.com"], account="ipqs-main", kind="email")
            line.intake.read()
            assert [row["email"] for row in result_rows(line, upload_id)] == [first, "a@example.com"]


def test_rows_and_a_file_of_the_same_bytes_are_not_mixed_up(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A file is read as it looks, and rows as they are, so that the same bytes may be two lists."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        by_rows = line.client.submit(rows=["email", "a@example.com"], account="ipqs-main", kind="email")
        by_path = line.submit(line.file("list.csv", "email\na@example.com\n"), "ipqs-main")
        line.intake.read()
        assert by_rows != by_path
        assert (len(result_rows(line, by_rows)), len(result_rows(line, by_path))) == (2, 1)


def test_other_rows_under_one_id_are_a_conflict(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Whoever comes second is refused, and the rows of the first stay what they were."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        ask(line, {"rows": ["a@example.com"]}, upload_id="crm-1")
        ask(line, {"rows": ["b@example.com"]}, upload_id="crm-1")
        ask(line, {"rows": ["a@example.com"]}, upload_id="crm-1")
        assert answers(line) == [("accepted", "crm-1"), ("rejected", "conflict"), ("accepted", "crm-1")]
        assert [row["email"] for row in result_rows(line, "crm-1")] == ["a@example.com"]


def test_a_value_of_two_lines_is_named_by_its_position(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A value with a line break or a NUL is refused with its place, and is not repeated."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        ask(line, {"rows": ["a@example.com", "b@example.com\n", "c\0@example.com", "d\r@example.com"]})
        refused = rejection(line)
        assert refused["reason"] == "schema"
        assert all(f"source.rows.{position}: must be text on one line" in refused["message"] for position in (1, 2, 3))
        assert "example.com" not in json.dumps(refused)


def test_rows_without_a_value_have_nothing_to_verify(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A request of empty values only fails before anything is spent, and the message names it."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        ask(line, {"rows": ["", " "]}, upload_id="nothing")
        line.finish("nothing")
        upload = line.upload("nothing")
        assert (upload.state, upload.reason) == (UploadState.FAILED, "empty")
        assert upload.message.startswith("The rows of the request: ")


def test_rows_that_cannot_be_kept_are_refused(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """While storage refuses to be written to, a request with rows is told so, and is good once that is mended."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        unfinished = tmp_path / "storage" / ".unfinished"
        unfinished.rmdir()
        ask(line, {"rows": ROWS}, upload_id="kept")
        unfinished.mkdir()
        ask(line, {"rows": ROWS}, upload_id="kept")
        assert [word for word, _ in answers(line)] == ["rejected", "accepted"]
        assert rejection(line)["reason"].startswith("storage_")


# An object of the storage


def test_an_object_of_the_storage_comes_back_verified(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A list in the storage's folder for inputs is read like a file, header and all."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.client.submit(
            url=put(line, "crm/customers.csv", HEADED), account="ipqs-main", kind="email", upload_id="crm-1"
        )
        line.intake.read()
        assert [row["name"] for row in result_rows(line, upload_id)] == ["Ann", "Again"]
        assert staged_input(line.upload(upload_id)) == "uploads/crm-1/input/customers.csv"
        assert not line.upload(upload_id).pullable


@pytest.mark.parametrize(
    "address",
    [
        "{storage}/uploads/x/input/list.csv",
        "{storage}/inputs",
        "{storage}/inputs/",
        "{storage}/inputs/../uploads/list.csv",
        "{storage}/inputs/%2e%2e/uploads/list.csv",
        "{storage}/inputs%2Flist.csv",
        "{storage}/inputs/.hidden.csv",
        "{storage}/inputs//list.csv",
        "{storage}/inputs/out.csv",
        "{storage}/inputs/folder/list.csv",
        "{storage}-of-others/inputs/list.csv",
        "file:///etc/hostname",
        "file://elsewhere/inputs/list.csv",
        "s3://bucket/inputs/list.csv",
    ],
)
def test_nothing_outside_the_folder_for_inputs_is_read(
    tmp_path: Path, redis_url: str, broker_url: str, address: str
) -> None:
    """No address, escaped or not, and no link leads out of the folder; the message names what is allowed."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        put(line, "list.csv", PLAIN)
        (tmp_path / "private").mkdir()
        (tmp_path / "private" / "list.csv").write_bytes(PLAIN)
        (tmp_path / "storage" / "inputs" / "out.csv").symlink_to(tmp_path / "private" / "list.csv")
        (tmp_path / "storage" / "inputs" / "folder").symlink_to(tmp_path / "private")
        storage = (tmp_path / "storage").as_uri()
        ask(line, {"url": address.format(storage=storage)})
        assert answers(line) == [("rejected", "url_outside_storage")]
        assert f"{storage}/inputs/" in rejection(line)["message"]


def test_the_folder_for_inputs_may_not_be_a_link(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Storage ends where its folder ends, also for the folder of inputs itself."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        (tmp_path / "private").mkdir()
        (tmp_path / "private" / "list.csv").write_bytes(PLAIN)
        (tmp_path / "storage" / "inputs").symlink_to(tmp_path / "private")
        ask(line, {"url": (tmp_path / "storage" / "inputs" / "list.csv").as_uri()})
        assert answers(line) == [("rejected", "url_outside_storage")]


def test_an_object_that_is_not_there_is_not_found(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """The address of nothing is refused as such, and one of a folder as no file."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        put(line, "crm/list.csv", PLAIN)
        inputs = (tmp_path / "storage" / "inputs").as_uri()
        ask(line, {"url": f"{inputs}/gone.csv"})
        ask(line, {"url": f"{inputs}/crm"})
        assert answers(line) == [("rejected", "not_found"), ("rejected", "unreadable")]


# A URL elsewhere


def test_a_list_on_another_host_comes_back_verified(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """A list of bare values is read twice, and its provider might as well fetch it."""
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        url = serve(site, PLAIN, times=2)
        ask(line, {"remote_url": url}, upload_id="crm-1")
        assert len(result_rows(line, "crm-1")) == 2
        upload = line.upload("crm-1")
        assert (upload.source, upload.pullable) == ({"remote_url": url}, True)
        assert len(site.heard) == 2


def test_a_list_that_is_more_than_its_values_is_sent_and_not_pulled(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """With a header, a second column and equal values, a remote list is verified like a file."""
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        ask(line, {"remote_url": serve(site, HEADED, times=2)}, upload_id="crm-1")
        assert [row["name"] for row in result_rows(line, "crm-1")] == ["Ann", "Again"]
        assert not line.upload("crm-1").pullable
        details = next(
            entry["details"] for entry in line.plant.context.store.timeline("crm-1") if entry["decision"] == "prepared"
        )
        assert "its first row is a header" in details["not_pullable"]


def test_a_pull_that_would_fetch_something_else_fails_before_it_costs(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """Asked to be pulled, a list with more than its values fails, with every reason and the remedy, for nothing."""
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        ask(line, {"remote_url": serve(site, HEADED, times=2)}, upload_id="crm-1", method="pull")
        line.finish("crm-1")
        upload = line.upload("crm-1")
        assert (upload.state, upload.reason) == (UploadState.FAILED, "not_pullable")
        assert "its first row is a header; it has 2 columns; it has 1 row with a value that" in upload.message
        assert "auto" in upload.message
        assert charges(line) == []


def test_what_cannot_be_staged_is_named_as_it_was_sent(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """A web page in the list's place is named by the URL of the request, not by the name of a copy."""
    page = b"<!doctype html><html>Sign in</html>"
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        remote = serve(site, page, times=2)
        ask(line, {"remote_url": remote}, upload_id="remote")
        stored = put(line, "list.csv", page)
        ask(line, {"url": stored}, upload_id="stored")
        ask(line, {"path": str(line.file("my list.csv", page.decode()))}, upload_id="file")
        line.finish("remote", "stored", "file")
        for upload_id, name in (("remote", remote), ("stored", stored), ("file", "my list.csv")):
            upload = line.upload(upload_id)
            assert (upload.state, upload.reason) == (UploadState.FAILED, "not_a_list")
            assert upload.message.startswith(f"{name} is a web page and no list; ")


def test_a_list_that_changed_meanwhile_fails(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """What is staged is what was accepted: another content fails, nothing of it is kept, and nothing is spent."""
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        serve(site, PLAIN)
        ask(line, {"remote_url": serve(site, b"c@example.com\n")}, upload_id="crm-1")
        line.finish("crm-1")
        upload = line.upload("crm-1")
        assert (upload.state, upload.reason) == (UploadState.FAILED, "changed")
        assert not exists(line.plant.context.storage, input_name(upload))
        assert charges(line) == []


def test_a_host_that_is_down_for_a_while_is_asked_again(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that was accepted and cannot be read now is staged later, and its record says why it waits."""
    monkeypatch.setattr("worker.actors.prepare.RETRY_SECONDS", (0.1, 0.2))
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        serve(site, PLAIN)
        site.then(b"", 503).then(b"", 503)
        ask(line, {"remote_url": serve(site, PLAIN)}, upload_id="crm-1")
        wait_until(lambda: line.upload("crm-1").reason == "source_unavailable", seconds=30, what="a reason to wait")
        assert len(result_rows(line, "crm-1")) == 2
        assert "later" in line.decisions("crm-1")


def test_intake_refuses_what_it_cannot_read(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """A redirect, a missing, a too large and a broken list, and a foreign host each get their answer and a remedy."""
    with running_line(
        tmp_path,
        redis_url,
        broker_url,
        start=False,
        pull_hosts=(place_of(site),),
        input_bytes_max=1_000,
        cell_bytes_max=320,
    ) as line:
        url = f"{site.base_url}/list.csv"
        site.then(b"", 302, Location=url, Content_Length="0").then(b"", 404)
        serve(site, b"x" * 1_001)
        site.then(b"", 500)
        for _ in range(4):
            ask(line, {"remote_url": url})
        ask(line, {"remote_url": "https://files.example.com/list.csv"})
        assert [reason for _, reason in answers(line)] == [
            *("unreadable", "not_found", "too_large", "source_unavailable", "host_not_allowed")
        ]
        assert len(site.heard) == 4


def test_without_the_setting_no_host_is_read_from(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """By default a remote list is refused, and the message names the setting that an operator has to make."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        ask(line, {"remote_url": "https://files.example.com/list.csv"})
        refused = rejection(line)
        assert refused["reason"] == "host_not_allowed"
        assert "BULKVERIFY_PULL_HOSTS" in refused["message"]


def test_a_slow_host_does_not_hold_up_the_others(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once slow hosts have taken their time, a batch's other remote lists wait for a later one, and no file does."""
    url = serve(site, PLAIN)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        hosts = (place_of(site), place)
        with running_line(tmp_path, redis_url, broker_url, start=False, pull_hosts=hosts, pull_seconds_max=1.0) as line:
            add(line, {"remote_url": f"http://{place}/list.csv"}, upload_id="silent")
            add(line, {"remote_url": url}, upload_id="remote")
            add(line, {"path": str(line.file("list.csv", "email\na@example.com\n"))}, upload_id="file")
            assert line.intake.read() == 3
            assert answers(line) == [("rejected", "source_unavailable"), ("accepted", "file")]
            assert site.heard == []
            monkeypatch.setattr(intake_stream, "TAKEOVER_MILLISECONDS", 0)
            assert line.intake.read() == 1
            assert answers(line)[2:] == [("accepted", "remote")]


# Whom intake tells the id


def test_the_client_learns_the_id_that_only_intake_can_derive(
    tmp_path: Path, redis_url: str, broker_url: str, site: ScriptedServer
) -> None:
    """Without an id of its own, a list that the client cannot read is named by intake, like the same file is."""
    with running_line(tmp_path, redis_url, broker_url, pull_hosts=(place_of(site),)) as line:
        url = serve(site, PLAIN, times=2)
        with meanwhile(lambda: answer_one(line)):
            remote = line.client.submit(remote_url=url, account="ipqs-main", kind="email")
        assert len(result_rows(line, remote)) == 2
        with meanwhile(lambda: answer_one(line)):
            stored = line.client.submit(url=put(line, "a.csv", PLAIN), account="ipqs-main", kind="email")
        assert stored == remote == line.submit(line.file("a.csv", PLAIN.decode()), "ipqs-main")
        assert charges(line) == [2]


def test_the_client_is_told_when_intake_refuses(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A refusal of a list that intake would have named is raised where the list was submitted."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        with meanwhile(lambda: answer_one(line)), pytest.raises(Rejected) as caught:
            line.client.submit(url="file:///elsewhere/list.csv", account="ipqs-main", kind="email")
        assert caught.value.reason == "url_outside_storage"


def test_the_client_does_not_wait_for_ever(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an intake the client says that the request is in the stream, and that sending it again is harmless."""
    monkeypatch.setattr("producers.answering.ANSWER_SECONDS_MAX", 0.2)
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        with pytest.raises(NotAccepted, match="the same upload") as caught:
            line.client.submit(url="file:///elsewhere/list.csv", account="ipqs-main", kind="email")
        assert not caught.value.certain


@pytest.mark.parametrize("given", [{}, {"rows": ["a"], "url": "file:///x"}, {"rows": "a@example.com"}])
def test_a_list_comes_from_one_place(tmp_path: Path, redis_url: str, broker_url: str, given: dict[str, Any]) -> None:
    """None, two sources, and one text in place of rows are refused before anything is sent."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        with pytest.raises(SourceUnusable):
            line.client.submit(account="ipqs-main", kind="email", **given)
        assert line.intake.read() == 0


def test_too_many_rows_are_refused_where_they_are_submitted(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A request that intake would not read is not sent."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        for rows in (["a@example.com"] * 5_001, ["x" * 4_000] * 100):
            with pytest.raises(RequestInvalid):
                line.client.submit(rows=rows, account="ipqs-main", kind="email")
        assert line.intake.read() == 0
