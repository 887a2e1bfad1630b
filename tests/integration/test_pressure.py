"""Back-pressure: intake leaves requests in the stream while Redis is nearly full, and loses none."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from producers.contract import result_key
from producers.errors import NoResult
from producers.results import Result
from tests.builders.deadline import wait_until
from tests.builders.ended import DAY_SECONDS, an_ended_upload, ended_uploads
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.line import running_line
from tests.builders.stores import a_store
from worker.core.tombstone import Tombstone
from worker.host.embedded import EmbeddedServer
from worker.intake.pressure import Pressure
from worker.retention.cleaning import Cleaner
from worker.retention.purging import purge_ended
from worker.storage import exists, open_storage
from worker.store.census import Census
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store

MEBIBYTE = 2**20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Yield a server that nobody else uses."""
    with EmbeddedServer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def store(server: EmbeddedServer) -> Iterator[Store]:
    """Yield the empty store of that server, whose memory is limited."""
    store = a_store(server.url(0))
    limit(store, 20 * MEBIBYTE)
    yield store
    store.client.close()


@pytest.fixture
def bench(tmp_path: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[IntakeBench]:
    """Yield an intake at an empty stream on that server."""
    monkeypatch.setattr("worker.intake.stream.LOOK_SECONDS", 0.02)
    with an_intake(tmp_path, server.url(0), server.url(1)) as bench:
        yield bench


def limit(store: Store, limit_bytes: int) -> None:
    """Give the server so much memory."""
    store.client.config_set("maxmemory", limit_bytes)


def fill(store: Store, share: float) -> None:
    """Use about that share of the server's memory."""
    client: Any = store.client
    client.delete("ballast")
    # Some servers free what was deleted later, in a thread of their own.
    wait_until(lambda: not client.info("memory")["lazyfree_pending_objects"], what="the memory freed")
    memory = client.info("memory")
    missing = int(memory["maxmemory"] * share) - memory["used_memory"]
    # Strings of their own, because one that grows is given twice what it needs.
    client.eval(
        "for i = 1, ARGV[1] do redis.call('RPUSH', 'ballast', string.rep('x', 10000)) end", 0, missing // 10_300
    )


@contextmanager
def running(bench: IntakeBench) -> Iterator[None]:
    """Let the intake run as its process does."""
    thread = threading.Thread(target=bench.intake.run)
    thread.start()
    try:
        yield
    finally:
        bench.intake.stop()
        thread.join(10)


def paused(store: Store) -> bool:
    """Whether the exporter's figures say so."""
    return Census(store).take((), 5.0, 30.0).intake_paused


def test_intake_pauses_on_a_server_that_is_nearly_full_and_goes_on(bench: IntakeBench, store: Store) -> None:
    """Requests wait in the stream, untouched, until memory is free; then all are accepted. Each change is told once."""
    fill(store, 0.85)
    with capture_logs() as told, running(bench):
        wait_until(lambda: paused(store), what="the pause")
        for number in range(5):
            bench.send(bench.request(upload_id=f"crm-{number}"))
        assert store.intake_paused()
        assert bench.client.xinfo_groups("bulkverify:uploads")[0]["entries-read"] in (0, None)
        assert (bench.unanswered(), bench.accepted()) == (5, [])
        fill(store, 0.5)
        wait_until(lambda: len(bench.accepted()) == 5, what="every request accepted")
    assert not paused(store)
    assert bench.unanswered() == 0
    words = [entry["event"] for entry in told if entry["event"] in {"intake_paused", "intake_resumed"}]
    assert words == ["intake_paused", "intake_resumed"]


def test_intake_waits_on_a_server_that_is_full_altogether(bench: IntakeBench, store: Store) -> None:
    """Also when not even the pause can be written down, nothing is read, and it is shown."""
    fill(store, 0.85)
    bench.send(bench.request(upload_id="crm-1"))
    limit(store, 2 * MEBIBYTE)
    with capture_logs() as told, running(bench):
        wait_until(lambda: "intake_paused" in [entry["event"] for entry in told], what="the pause")
        assert paused(store)
        assert bench.accepted() == []
        limit(store, 0)
        wait_until(lambda: len(bench.accepted()) == 1, what="the request accepted")
    assert not paused(store)


def test_a_little_less_memory_is_not_yet_enough_to_go_on(store: Store) -> None:
    """The pause ends well below the share at which it began, so that it does not begin at once again."""
    pressure = Pressure(store, share=0.8)
    looks = []
    for share in (0.78, 0.85, 0.78, 0.70, 0.78):
        fill(store, share)
        looks.append(pressure.high())
    assert looks == [False, True, True, False, False]


def test_a_server_without_a_limit_never_pauses_intake(store: Store) -> None:
    """It is said once that there is no limit."""
    limit(store, 0)
    pressure = Pressure(store, share=0.01)
    with capture_logs() as told:
        assert [pressure.high() for _ in range(3)] == [False] * 3
    assert [entry["event"] for entry in told] == ["redis_without_limit"]


def test_copies_of_results_leave_the_room_to_records(
    server: EmbeddedServer, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a nearly full server an upload completes without its rows in Redis; asked for later they come, and stay."""
    with running_line(tmp_path, server.url(0), server.url(1)) as line:
        path = line.file("list.csv", "email\nann@example.com\n")
        fill(store, 0.85)
        upload_id = line.submit(path, "ipqs-main", result="rows")
        line.finish(upload_id)
        result = line.client.result(upload_id)
        assert (result.state, result.rows_in_redis, result.rows_reason) == ("completed", False, "redis_full")
        assert store.client.exists(result_key(upload_id)) == 0
        monkeypatch.setattr(Result, "readable_here", property(lambda _: False))
        with pytest.raises(NoResult, match="Redis was too full for it; submit the same request again"):
            result.model_copy(update={"url": "s3://bucket/result.csv"}).copy_to(tmp_path / "copy.csv")
        for share in (0.5, 0.85):
            fill(store, share)
            line.submit(path, "ipqs-main", result="rows")
            result = line.client.result(upload_id)
            assert (result.rows_in_redis, result.rows_reason) == (True, "")
            assert result.rows_csv is not None
        assert len(line.ipqs.ledger) == 1


def test_housekeeping_frees_a_server_that_is_full(store: Store, tmp_path: Path) -> None:
    """Purging and removing work where nothing else can be written: they are what makes room."""
    settings = Settings(redis_url="redis://localhost:1/0")
    an_ended_upload(store, "whole")
    ended_uploads(store, 50)
    store.clock_offset_seconds += 31 * DAY_SECONDS
    retention = Retention(store)
    storage = open_storage((tmp_path / "cleaned").as_uri())
    storage.create("uploads/whole/input/list.csv", b"x")
    limit(store, MEBIBYTE)
    assert retention.take_turn("purge", "host:1", 60.0)
    assert purge_ended(store, retention, settings) == {Purged.OK: 51}
    assert isinstance(store.found("whole"), Tombstone)
    Cleaner(store, storage, retention, settings).remove_staged()
    assert not exists(storage, "uploads/whole/input/list.csv")
