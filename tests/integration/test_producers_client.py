"""The client against a real Redis, with the workers' side of the contract written by hand."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

import producers
from producers import environment, waiting
from producers.client import Client
from producers.contract import EVENTS_STREAM, upload_key
from producers.errors import (
    NoResult,
    NotAccepted,
    NotConfigured,
    RecordUnreadable,
    Rejected,
    RequestInvalid,
    SourceUnusable,
    Unavailable,
    UploadFailed,
    WaitTimeout,
)
from producers.identity import content_sha256, derive_upload_id, request_digest
from producers.request import UploadRequest, canonical_json, parse
from producers.row_options import RowOptions
from tests.builders.deadline import wait_until
from tests.builders.worker_side import WorkerSide, meanwhile
from worker.host.embedded import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producers.records import Status

ROOT = Path(__file__).parents[2]


@pytest.fixture
def worker(redis_client: redis.Redis) -> WorkerSide:
    """Return the workers' side of an empty database."""
    return WorkerSide(redis_client)


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    """Yield a client of the same database."""
    with Client(redis_url, producer="crm") as opened:
        yield opened


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Return a file to verify."""
    file = tmp_path / "list.csv"
    file.write_text("email\na@example.com\n")
    return file


# Submitting


def test_a_submission_is_one_entry_that_both_sides_name_alike(
    client: Client, worker: WorkerSide, listing: Path
) -> None:
    """Submitting adds one request, whose id is the one that intake would derive from the same file."""
    upload_id = client.submit(listing, account="main", kind="email", options={"column": "email"}, label="news")
    [(_, fields)] = worker.requests()
    request = parse(canonical_json(fields))
    assert (request.upload_id, request.producer, request.label) == (upload_id, "crm", "news")
    assert request.source.path == str(listing)
    assert request.options == RowOptions(column="email")
    unnamed = request.model_copy(update={"upload_id": None})
    assert derive_upload_id(unnamed, content_sha256(listing)) == upload_id
    assert request_digest(unnamed) == request_digest(request)


def test_a_relative_path_is_submitted_as_an_absolute_one(
    client: Client, worker: WorkerSide, listing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run in other folders, so the request names the absolute path."""
    monkeypatch.chdir(listing.parent)
    client.submit(Path("x") / ".." / listing.name, account="main", kind="email", upload_id="crm-1")
    assert worker.requests()[0][1]["source"] == {"path": str(listing)}


def test_a_complete_request_is_submitted_as_it_is(client: Client, worker: WorkerSide) -> None:
    """A request that has an id is sent without its file being looked at."""
    request = UploadRequest.model_validate(
        {"version": 1, "upload_id": "crm-1", "account": "main", "kind": "proxy", "source": {"path": "/only/there.csv"}}
    )
    assert client.submit_request(request) == "crm-1"
    assert worker.requests()[0][1]["source"] == {"path": "/only/there.csv"}


def test_what_breaks_the_contract_is_not_sent(client: Client, worker: WorkerSide, listing: Path) -> None:
    """A bad file or a bad field is refused on the application's side, and the stream stays empty."""
    with pytest.raises(SourceUnusable, match="no such file"):
        client.submit(listing.with_name("gone.csv"), account="main", kind="email")
    with pytest.raises(RequestInvalid, match=r"account: .*; kind: "):
        client.submit(listing, account="a b", kind="fax")
    assert worker.requests() == []


def test_an_unreachable_redis_accepts_nothing_and_is_named_without_its_password(listing: Path) -> None:
    """Where nobody listens, submitting says that nothing was accepted, where, and after how long."""
    with Client("redis://crm:s3cret@127.0.0.1:1/0") as client, pytest.raises(NotAccepted) as caught:
        client.submit(listing, account="main", kind="email")
    assert caught.value.certain
    assert "127.0.0.1:1" in str(caught.value)
    assert "Nothing was accepted" in str(caught.value)
    assert "(after 0." in str(caught.value)
    assert "s3cret" not in repr(caught.value) + str(caught.value)
    assert caught.value.__suppress_context__


def test_a_lost_answer_is_not_repeated_and_submitting_again_is_the_same_upload(
    redis_server: EmbeddedServer, client: Client, worker: WorkerSide, listing: Path
) -> None:
    """When the answer to the XADD is lost, one entry is there, the error says so, and the next try has the same id."""
    with _losing_answers_to(b"XADD", redis_server) as url, Client(url) as cut_off, pytest.raises(NotAccepted) as caught:
        cut_off.submit(listing, account="main", kind="email")
    assert not caught.value.certain
    assert "may or may not" in caught.value.message
    upload_id = client.submit(listing, account="main", kind="email")
    assert [fields["upload_id"] for _, fields in worker.requests()] == [upload_id, upload_id]


def test_a_connection_that_died_while_idle_is_replaced(
    client: Client, redis_client: redis.Redis, worker: WorkerSide, listing: Path
) -> None:
    """A server that closed idle connections costs no submission."""
    client.submit(listing, account="main", kind="email", upload_id="first")
    redis_client.client_kill_filter(_type="normal", skipme=True)
    client.submit(listing, account="main", kind="email", upload_id="second")
    assert len(worker.requests()) == 2


def test_without_a_url_the_environment_names_the_server(
    redis_url: str, worker: WorkerSide, listing: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The functions of `producers` work on the server of BULKVERIFY_REDIS_URL, and say so where it is not set."""
    monkeypatch.delenv("BULKVERIFY_REDIS_URL", raising=False)
    with pytest.raises(NotConfigured, match="BULKVERIFY_REDIS_URL"):
        producers.status("crm-1")
    monkeypatch.setenv("BULKVERIFY_REDIS_URL", redis_url)
    upload_id = producers.submit(listing, account="main", kind="email")
    with meanwhile(lambda: worker.accept_and_complete(tmp_path / "result.csv")):
        assert producers.wait(upload_id, timeout_seconds=30).state == "completed"
    assert producers.status(upload_id) is not None
    assert [event.event for event in producers.events(upload_id)] == ["accepted", "completed"]
    assert producers.result(upload_id).path == tmp_path / "result.csv"
    environment._client_of(redis_url).close()


def test_a_url_that_is_none_is_refused_without_repeating_it() -> None:
    """A malformed URL may hold a password, so the message shows an example instead."""
    with pytest.raises(NotConfigured, match="redis://") as caught:
        Client("http://crm:s3cret@localhost")
    assert "s3cret" not in str(caught.value)


# Status


def test_status_is_the_record_and_the_part_counts(client: Client, worker: WorkerSide) -> None:
    """A status has the public fields of the record and the counts of parts; other fields are left out."""
    assert client.status("crm-1") is None
    worker.record("crm-1", "running", rows=10, distinct=8, parts_total=3, lease={"owner": "x"})
    worker.parts("crm-1", submitted=1, collected=1, quarantined=1, rows_done=5)
    status = client.status("crm-1")
    assert status is not None
    assert (status.state, status.rows, status.distinct, status.parts_total) == ("running", 10, 8, 3)
    assert (status.parts.submitted, status.parts.collected, status.parts.rows_done) == (1, 1, 5)
    assert (status.parts.sent, status.parts.moving) == (2, 1)
    assert not status.terminal


def test_a_word_of_a_later_version_is_kept(client: Client, worker: WorkerSide) -> None:
    """A state that this version does not know is read as the word it is, and is not an end."""
    worker.record("crm-1", "reflecting")
    status = client.status("crm-1")
    assert status is not None
    assert status.state == "reflecting"
    assert not status.settled


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": 1}'])
def test_a_record_that_makes_no_sense_is_named(client: Client, redis_client: redis.Redis, text: str) -> None:
    """A damaged record is an error that names the upload, for `status` and for `wait` alike."""
    redis_client.set(upload_key("crm-1"), text)
    with pytest.raises(RecordUnreadable, match="crm-1"):
        client.status("crm-1")
    with pytest.raises(RecordUnreadable, match="crm-1"):
        client.wait("crm-1", timeout_seconds=10)


# Waiting


def test_wait_tells_every_change_and_returns_the_last(
    client: Client, worker: WorkerSide, listing: Path, tmp_path: Path
) -> None:
    """A wait is woken by events, reports each state once and in order, and returns at the end."""
    upload_id = client.submit(listing, account="main", kind="email")
    seen: list[str] = []

    def work() -> None:
        entry, _ = worker.next_request()
        worker.accept(entry, upload_id)
        for number, state in enumerate(("preparing", "running", "delivering"), start=1):
            wait_until(partial(_has, seen, number), what="the last state being seen")
            worker.record(upload_id, state)
            worker.event("progress", upload_id)
        wait_until(lambda: len(seen) == 4, what="the last state being seen")
        worker.complete(upload_id, tmp_path / "result.csv")

    with meanwhile(work):
        last = client.wait(upload_id, timeout_seconds=30, on_status=lambda status: seen.append(status.state))
    assert seen == ["accepted", "preparing", "running", "delivering", "completed"]
    assert last.terminal
    assert last.result is not None


def test_wait_needs_no_event(client: Client, worker: WorkerSide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change whose event was lost is seen at the next look."""
    monkeypatch.setattr(waiting, "LOOK_PERIOD_SECONDS", 0.05)
    worker.record("crm-1", "running")
    with meanwhile(lambda: worker.record("crm-1", "cancelled")):
        assert client.wait("crm-1", timeout_seconds=30).state == "cancelled"


@pytest.mark.parametrize(("protocol", "decode"), [(2, True), (2, False), (3, True), (3, False)])
def test_an_application_may_bring_its_own_connection(
    *, redis_url: str, worker: WorkerSide, listing: Path, tmp_path: Path, protocol: int, decode: bool
) -> None:
    """The client works on any redis-py connection, whatever its protocol version and decoding."""
    with redis.Redis.from_url(redis_url, protocol=protocol, decode_responses=decode) as server:
        client = Client(redis=server)
        upload_id = client.submit(listing, account="main", kind="email", upload_id="crm-1")
        with meanwhile(lambda: worker.accept_and_complete(tmp_path / "result.csv")):
            assert client.wait(upload_id, timeout_seconds=30).state == "completed"
        assert [event.event for event in client.events()] == ["accepted", "completed"]


def test_wait_raises_the_rejection_of_this_clients_request(client: Client, worker: WorkerSide, listing: Path) -> None:
    """Intake's refusal of the submitted entry ends the wait with intake's reason, message and remedy."""
    upload_id = client.submit(listing, account="main", kind="email")
    refuse = partial(worker.reject, upload_id=upload_id, reason="account_unknown")
    with meanwhile(lambda: refuse(worker.next_request()[0])), pytest.raises(Rejected) as caught:
        client.wait(upload_id, timeout_seconds=30)
    assert (caught.value.reason, caught.value.remedy) == ("account_unknown", "Mend it.")
    assert caught.value.entry == worker.requests()[0][0]


def test_an_earlier_rejection_of_the_same_id_is_not_this_requests(
    client: Client, worker: WorkerSide, listing: Path, tmp_path: Path
) -> None:
    """A corrected request waits for its own judgement, whatever became of the one before."""
    worker.reject("1-1", "crm-1", "account_unknown")
    upload_id = client.submit(listing, account="main", kind="email", upload_id="crm-1")
    with meanwhile(lambda: worker.accept_and_complete(tmp_path / "result.csv")):
        assert client.wait(upload_id, timeout_seconds=30).state == "completed"


def test_another_process_learns_of_a_rejection_where_there_is_no_record(client: Client, worker: WorkerSide) -> None:
    """Waiting for an id that another process submitted ends with the newest rejection of that id."""
    worker.reject("1-1", "crm-1", "old")
    worker.reject("1-2", "crm-1", "new")
    worker.reject("1-3", "crm-2", "foreign")
    with pytest.raises(Rejected) as caught:
        client.wait("crm-1", timeout_seconds=30)
    assert caught.value.reason == "new"


def test_another_process_is_not_disturbed_by_the_rejection_of_a_conflicting_request(
    client: Client, worker: WorkerSide, tmp_path: Path
) -> None:
    """Where a record exists, the refusal of somebody else's request under its id changes nothing."""
    worker.reject("1-1", "crm-1")
    worker.complete("crm-1", tmp_path / "result.csv")
    assert client.wait("crm-1", timeout_seconds=30).state == "completed"


def test_a_rejection_is_found_behind_many_others(client: Client, worker: WorkerSide) -> None:
    """The stream of rejected requests is searched page by page."""
    worker.reject("1-1", "crm-1", "mine")
    for number in range(1_000):
        worker.reject(f"2-{number}", f"other-{number}")
    with pytest.raises(Rejected, match="mine"):
        client.wait("crm-1", timeout_seconds=30)


def test_a_finished_upload_does_not_answer_a_conflicting_request(
    client: Client, worker: WorkerSide, listing: Path, tmp_path: Path
) -> None:
    """Under an id that is already known, the wait goes on until intake has judged this very request."""
    worker.complete("crm-1", tmp_path / "result.csv")
    client.submit(listing, account="main", kind="email", upload_id="crm-1")
    told: list[Status] = []
    with pytest.raises(WaitTimeout, match="intake has not read this request") as late:
        client.wait("crm-1", timeout_seconds=0.2, on_status=told.append)
    assert late.value.state is None
    worker.reject(worker.requests()[0][0], "crm-1", "conflict")
    with pytest.raises(Rejected, match="conflict"):
        client.wait("crm-1", timeout_seconds=30, on_status=told.append)
    assert told == []


def test_a_finished_upload_answers_a_repeated_request(
    client: Client, worker: WorkerSide, listing: Path, tmp_path: Path
) -> None:
    """Once intake has recognised the request as the same, the finished upload is the answer."""
    worker.complete("crm-1", tmp_path / "result.csv")
    client.submit(listing, account="main", kind="email", upload_id="crm-1")
    worker.accept(worker.requests()[0][0], "crm-1", duplicate=True)
    told: list[Status] = []
    assert client.wait("crm-1", timeout_seconds=30, on_status=told.append).state == "completed"
    assert [status.state for status in told] == ["completed"]


def test_a_judgement_whose_event_is_no_longer_kept_is_taken_as_acceptance(
    client: Client, worker: WorkerSide, redis_client: redis.Redis, listing: Path, tmp_path: Path
) -> None:
    """A capped stream forgets; what is then known is the record, and that no rejection is kept."""
    worker.complete("crm-1", tmp_path / "result.csv")
    client.submit(listing, account="main", kind="email", upload_id="crm-1")
    worker.accept(worker.requests()[0][0], "crm-1", duplicate=True)
    worker.event("progress", "other")
    redis_client.xtrim(EVENTS_STREAM, maxlen=1, approximate=False)
    assert client.wait("crm-1", timeout_seconds=30).state == "completed"


def test_a_list_that_is_recognised_by_its_content_needs_no_intake(
    client: Client, worker: WorkerSide, listing: Path, tmp_path: Path
) -> None:
    """The record under a derived id is of the same content and request, so it answers at once."""
    upload_id = client.submit(listing, account="main", kind="email")
    worker.complete(upload_id, tmp_path / "result.csv")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(listing.read_bytes())
    assert client.submit(copy, account="main", kind="email") == upload_id
    assert client.wait(upload_id, timeout_seconds=30).state == "completed"


def test_a_wait_ends_in_time_and_says_where_the_upload_is(client: Client, worker: WorkerSide) -> None:
    """A timeout carries the last known state, None where nobody knows the upload, and what to do."""
    began = time.monotonic()
    with pytest.raises(WaitTimeout, match="no worker has accepted it") as unknown:
        client.wait("crm-1", timeout_seconds=0.2)
    assert time.monotonic() - began < 2
    assert unknown.value.state is None
    worker.record("crm-1", "running")
    with pytest.raises(WaitTimeout, match="it is running") as running:
        client.wait("crm-1", timeout_seconds=0)
    assert running.value.state == "running"


def test_attention_ends_a_wait_once_nothing_moves(client: Client, worker: WorkerSide) -> None:
    """While other parts go on, an upload in attention is waited for; afterwards only a person can help."""
    worker.record("crm-1", "attention", parts_total=2)
    worker.parts("crm-1", quarantined=1, submitted=1)
    with pytest.raises(WaitTimeout):
        client.wait("crm-1", timeout_seconds=0.1)
    worker.parts("crm-1", quarantined=1, collected=1)
    status = client.wait("crm-1", timeout_seconds=30)
    assert status.state == "attention"
    assert not status.terminal


def test_several_uploads_are_waited_for_at_once(client: Client, worker: WorkerSide, tmp_path: Path) -> None:
    """Outcomes come in the order in which the uploads end, errors among them, and the time is for all together."""
    worker.record("a", "running")
    worker.complete("b", tmp_path / "b.csv")
    worker.reject("1-1", "c", "schema")
    outcomes = client.wait_all(["a", "b", "c", "d", "b"], timeout_seconds=0.3)
    first = dict(itertools.islice(outcomes, 2))
    assert set(first) == {"b", "c"}
    assert isinstance(first["c"], Rejected)
    worker.record("a", "failed", reason="no_values")
    worker.event("failed", "a")
    rest = dict(outcomes)
    assert not isinstance(rest["a"], Exception)
    assert rest["a"].state == "failed"
    assert isinstance(rest["d"], WaitTimeout)


def test_a_busy_stream_of_other_uploads_disturbs_no_wait(
    client: Client, worker: WorkerSide, redis_client: redis.Redis, tmp_path: Path
) -> None:
    """A thousand foreign events, one of them senseless, are passed over."""
    worker.record("crm-1", "running")
    seen: list[Status] = []

    def work() -> None:
        wait_until(lambda: bool(seen), what="the first status")
        redis_client.xadd(EVENTS_STREAM, {"event": "progress", "details": "{", "at": "yesterday"})
        for number in range(1_000):
            worker.event("progress", f"other-{number}")
        worker.complete("crm-1", tmp_path / "result.csv")

    with meanwhile(work):
        assert client.wait("crm-1", timeout_seconds=60, on_status=seen.append).state == "completed"
    assert len(seen) == 2


def test_a_wait_outlives_a_restart_of_redis(tmp_path: Path) -> None:
    """While Redis is away the wait goes on, and it ends with what is there afterwards."""
    server = EmbeddedServer(tmp_path / "home")
    seen: list[Status] = []

    def work() -> None:
        wait_until(lambda: bool(seen), what="the first status")
        server.stop()
        server.start()
        with redis.Redis.from_url(server.url(), decode_responses=True) as again:
            WorkerSide(again).complete("crm-1", tmp_path / "result.csv")

    with server, Client(server.url()) as client:
        with redis.Redis.from_url(server.url(), decode_responses=True) as before:
            WorkerSide(before).record("crm-1", "running")
        with meanwhile(work):
            assert client.wait("crm-1", timeout_seconds=60, on_status=seen.append).state == "completed"


def test_a_wait_gives_up_when_redis_stays_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage that lasts ends the wait with `Unavailable`, and so does an unreachable Redis at its start."""
    monkeypatch.setattr(waiting, "OUTAGE_SECONDS_MAX", 0.2)
    monkeypatch.setattr(waiting, "OUTAGE_PAUSE_SECONDS", 0.05)
    server = EmbeddedServer(tmp_path / "home")
    seen: list[Status] = []

    def stop_when_seen() -> None:
        wait_until(lambda: bool(seen), what="the first status")
        server.stop()

    with server, Client(server.url()) as client:
        with redis.Redis.from_url(server.url(), decode_responses=True) as before:
            WorkerSide(before).record("crm-1", "running")
        with meanwhile(stop_when_seen), pytest.raises(Unavailable):
            client.wait("crm-1", timeout_seconds=60, on_status=seen.append)
        with pytest.raises(Unavailable, match="could not be reached"):
            client.wait("crm-1", timeout_seconds=60)


# Events


def test_events_are_replayed_from_where_the_reader_left_off(client: Client, worker: WorkerSide) -> None:
    """Without following, events are those up to now, of one upload or of all, after a given one."""
    first = worker.event("accepted", "a", entry="1-1", duplicate=False)
    worker.event("accepted", "b")
    worker.event("completed", "a", result="file:///r.csv")
    assert [(event.event, event.upload_id) for event in client.events()] == [
        ("accepted", "a"),
        ("accepted", "b"),
        ("completed", "a"),
    ]
    assert [event.event for event in client.events("a")] == ["accepted", "completed"]
    after = list(client.events(since=first))
    assert [event.upload_id for event in after] == ["b", "a"]
    assert after[1].details == {"result": "file:///r.csv"}
    assert after[1].at == 1_700_000_000.5
    assert list(client.events(since="$")) == []


def test_events_can_be_followed_from_now(client: Client, worker: WorkerSide) -> None:
    """`$` is the moment of the call, not of the first reading, and following ends when its time is up."""
    worker.event("accepted", "a")
    followed = client.events(since="$", follow=True, timeout_seconds=0.3)
    worker.event("progress", "a")
    assert next(followed).event == "progress"
    worker.event("completed", "a")
    assert [event.event for event in followed] == ["completed"]


def test_an_event_that_makes_no_sense_stops_nobody(client: Client, redis_client: redis.Redis) -> None:
    """An entry that somebody else put into the stream is told as `unreadable`."""
    redis_client.xadd(EVENTS_STREAM, {"event": "progress", "at": "noon"})
    redis_client.xadd(EVENTS_STREAM, {"nothing": "known"})
    assert [event.event for event in client.events()] == ["unreadable", "unreadable"]


def test_events_begin_where_an_event_can_be(client: Client) -> None:
    """A position that is no event's id is the caller's mistake, noticed at the call."""
    with pytest.raises(ValueError, match="yesterday"):
        client.events(since="yesterday")


# Results


def test_a_result_says_where_it_is_and_can_be_copied(client: Client, worker: WorkerSide, tmp_path: Path) -> None:
    """A result has its URLs, counts and verdicts, and is copied completely, replacing what was there."""
    csv = tmp_path / "möglich & more.csv"
    worker.complete("crm-1", csv)
    result = client.result("crm-1")
    assert result.path == csv
    assert result.manifest_url.endswith("/manifest.json")
    assert (result.counts.rows, result.verdicts.ok, result.credits, result.partial) == (5, 2, 3, False)
    target = tmp_path / "out.csv"
    target.write_text("old")
    result.copy_to(target)
    assert target.read_bytes() == csv.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {csv.name, "out.csv"}


def test_a_result_that_cannot_be_copied_leaves_no_trace(client: Client, worker: WorkerSide, tmp_path: Path) -> None:
    """When the copy fails, what was there stays, and nothing half-done lies beside it."""
    csv = tmp_path / "result.csv"
    worker.complete("crm-1", csv)
    result = client.result("crm-1")
    csv.unlink()
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(NoResult, match="no such file") as caught:
        result.copy_to(target)
    assert caught.value.reason == "result_unreachable"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
    assert target.read_text() == "old"
    elsewhere = result.model_copy(update={"url": "s3://bucket/result.csv"})
    assert elsewhere.path is None
    with pytest.raises(NoResult, match=r"s3://bucket/result\.csv"):
        elsewhere.copy_to(target)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("accepted", "Next, its file is read"),
        ("preparing", "7 rows so far"),
        ("running", "1 of 3 parts are collected"),
        ("delivering", "the result is being written"),
        ("attention", "bulkverify why crm-1"),
        ("reflecting", "bulkverify why"),
    ],
)
def test_without_a_result_the_error_says_what_happens_next(
    client: Client, worker: WorkerSide, state: str, said: str
) -> None:
    """An upload on its way has no result yet, and the error says where it stands and what comes next."""
    worker.record("crm-1", state, staged_rows=7, parts_total=3)
    worker.parts("crm-1", collected=1, submitted=2)
    with pytest.raises(NoResult) as caught:
        client.result("crm-1")
    assert not isinstance(caught.value, UploadFailed)
    assert caught.value.state == state
    assert said in str(caught.value)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_upload_that_failed_never_has_a_result(client: Client, worker: WorkerSide, state: str) -> None:
    """A failed or cancelled upload is told apart from one that is on its way, with its own reason."""
    worker.record("crm-1", state, reason="no_values", message="The column holds no values.")
    with pytest.raises(UploadFailed, match="The column holds no values") as caught:
        client.result("crm-1")
    assert (caught.value.reason, caught.value.state) == ("no_values", state)


def test_without_a_record_there_is_a_rejection_or_nothing(client: Client, worker: WorkerSide) -> None:
    """The result of a rejected request is its rejection; of an unknown id, that it is unknown."""
    worker.reject("1-1", "crm-1", "schema")
    with pytest.raises(Rejected):
        client.result("crm-1")
    with pytest.raises(NoResult, match="No upload crm-2 is known") as caught:
        client.result("crm-2")
    assert caught.value.state is None


# What it takes


def test_the_client_pulls_in_nothing_heavy() -> None:
    """An application that imports the client gets redis and pydantic, and nothing of the worker or the commands."""
    script = (
        "import sys, producers, producers.client, producers.environment; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(run.stdout.split())
    assert not loaded & {"dramatiq", "requests", "click", "rich", "structlog", "pydantic_settings", "worker", "config"}
    assert {"redis", "pydantic"} <= loaded


def test_the_package_offers_what_it_names() -> None:
    """Every public name of `producers` can be had, and no other."""
    for name in producers.__all__:
        assert callable(getattr(producers, name))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = producers.nonsense


def _has(seen: list[str], number: int) -> bool:
    return len(seen) == number


@contextmanager
def _losing_answers_to(command: bytes, server: EmbeddedServer) -> Iterator[str]:
    """Yield a URL through which everything passes, until a connection has passed `command` on: then it is cut."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()
        thread = threading.Thread(target=_pass_on, args=(listener, stopped, command, server))
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        finally:
            stopped.set()
            thread.join()


def _pass_on(listener: socket.socket, stopped: threading.Event, command: bytes, server: EmbeddedServer) -> None:
    """Serve one connection after the other."""
    listener.settimeout(0.05)
    while not stopped.is_set():
        try:
            near, _ = listener.accept()
        except TimeoutError:
            continue
        with near, socket.socket(socket.AF_UNIX) as far:
            near.settimeout(0.05)
            far.settimeout(5)
            far.connect(server.url().removeprefix("unix://").partition("?")[0])
            while not stopped.is_set():
                try:
                    asked = near.recv(65536)
                except TimeoutError:
                    continue
                if not asked:
                    break
                far.sendall(asked)
                answer = far.recv(65536)
                if command in asked:
                    break
                near.sendall(answer)
