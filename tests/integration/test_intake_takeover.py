"""Intake under failures: at least one reading, exactly one acceptance."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from tests.builders.deadline import wait_until
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.line import running_line
from tests.builders.stores import a_lossy_store
from worker.host.embedded import EmbeddedServer
from worker.intake.stream import TAKEOVER_MILLISECONDS, Intake
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.core.change import Change

STREAM, GROUP = "bulkverify:uploads", "intake"


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[IntakeBench]:
    """Yield an intake at an empty stream."""
    with an_intake(tmp_path, redis_url, broker_url) as bench:
        yield bench


def taken_by_one_that_died(bench: IntakeBench, idle_milliseconds: int = TAKEOVER_MILLISECONDS + 1) -> list[str]:
    """Let an intake take every request and die; it is not seen again for so long. The entries' ids."""
    bench.client.xreadgroup(GROUP, "dead:1:abc", {STREAM: ">"})
    entries = [entry["message_id"] for entry in bench.client.xpending_range(STREAM, GROUP, "-", "+", 100)]
    for entry in entries:
        bench.client.xclaim(STREAM, GROUP, "dead:1:abc", 0, [entry], idle=idle_milliseconds)
    return entries


def test_what_a_dead_intake_had_taken_is_answered_by_another(bench: IntakeBench) -> None:
    """Requests that were read and not answered are taken over after a while, all of them."""
    for number in range(5):
        bench.send(bench.request(upload_id=f"crm-{number}"))
    taken_by_one_that_died(bench)
    assert bench.intake.read() == 5
    assert len(bench.accepted()) == 5
    assert bench.unanswered() == 0


def test_what_another_intake_is_busy_with_is_left_to_it(bench: IntakeBench) -> None:
    """A request taken a moment ago is not taken over."""
    bench.send(bench.request(upload_id="crm-1"))
    taken_by_one_that_died(bench, idle_milliseconds=TAKEOVER_MILLISECONDS // 2)
    assert bench.intake.read() == 0
    assert bench.unanswered() == 1


def test_an_intake_that_wakes_up_after_a_takeover_accepts_nothing_twice(bench: IntakeBench) -> None:
    """Both answer the same request: one upload, one event, one answer, whoever was first."""
    entry = bench.send(bench.request(upload_id="crm-1"))
    taken_by_one_that_died(bench)
    fields = dict(bench.client.xrange(STREAM)[0][1])
    bench.intake.read()
    bench.second_intake().answer(entry, fields)
    assert bench.accepted() == [("crm-1", False)]
    upload = bench.store.upload("crm-1")
    assert upload is not None
    assert upload.version == 1
    assert [entry["decision"] for entry in bench.store.timeline("crm-1")] == ["accept"]


def test_a_rejection_after_a_takeover_is_told_once(bench: IntakeBench) -> None:
    """Both reject the same request: one rejection and one event."""
    entry = bench.send("{")
    taken_by_one_that_died(bench)
    bench.intake.read()
    bench.second_intake().answer(entry, {"request": "{"})
    assert bench.reasons() == ["not_json"]
    assert len(bench.events("rejected")) == 1


@pytest.mark.parametrize("losses", [1, 3])
def test_an_acceptance_whose_reply_was_lost_is_accepted_once(bench: IntakeBench, redis_url: str, losses: int) -> None:
    """Intake repeats the write, which is recognised as its own."""
    bench.send(bench.request(upload_id="crm-1"))
    store = a_lossy_store(redis_url, losses)
    bench.second_intake(store).read()
    assert bench.accepted() == [("crm-1", False)]
    assert bench.unanswered() == 0
    store.client.close()


def test_an_intake_that_dies_after_its_write_leaves_nothing_to_do(bench: IntakeBench, redis_url: str) -> None:
    """The write was made and nobody heard of it: the entry is answered already, and whoever comes finds nothing."""
    bench.send(bench.request(upload_id="crm-1"))
    store = a_lossy_store(redis_url, losses=4)
    with pytest.raises(StoreUnavailable):
        bench.second_intake(store).read()
    assert bench.intake.read() == 0
    assert bench.accepted() == [("crm-1", False)]
    assert bench.unanswered() == 0
    store.client.close()


def test_an_intake_that_dies_before_its_write_leaves_the_request_to_another(
    bench: IntakeBench, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the acceptance was written, its acknowledgement neither: the request is taken over and accepted."""

    def gone(_change: Change) -> None:
        raise StoreUnavailable("gone")

    entry = bench.send(bench.request(upload_id="crm-1"))
    store = a_lossy_store(redis_url, losses=0)
    monkeypatch.setattr(store, "commit", gone)
    with pytest.raises(StoreUnavailable):
        bench.second_intake(store).read()
    bench.client.xclaim(STREAM, GROUP, "dead:1:abc", 0, [entry], idle=TAKEOVER_MILLISECONDS + 1)
    assert bench.intake.read() == 1
    assert bench.accepted() == [("crm-1", False)]
    store.client.close()


def test_many_intakes_accept_every_request_exactly_once(bench: IntakeBench) -> None:
    """Four intakes at one stream share the requests; each request has one answer, and twins are recognised."""
    for number in range(60):
        bench.send(bench.request(upload_id=f"crm-{number % 40}"))
    threads = [threading.Thread(target=_read_all, args=(bench.second_intake(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = [upload_id for upload_id, duplicate in bench.accepted() if not duplicate]
    assert sorted(first) == sorted(f"crm-{number}" for number in range(40))
    assert len(bench.accepted()) == 60
    assert bench.unanswered() == 0


def _read_all(intake: Intake) -> None:
    while intake.read():
        pass


def test_a_stream_that_was_deleted_is_made_again(bench: IntakeBench) -> None:
    """After the state database was emptied, the running intake goes on with the requests that come then."""
    thread = threading.Thread(target=bench.intake.run)
    thread.start()
    try:
        bench.client.flushdb()
        bench.send(bench.request(upload_id="crm-1"))
        wait_until(lambda: bench.accepted() == [("crm-1", False)], what="the acceptance")
    finally:
        bench.intake.stop()
        thread.join(10)


@pytest.mark.parametrize("outage", ["gone", "full"])
def test_an_outage_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outage: str) -> None:
    """An intake whose Redis is gone, or takes no writes, lives on and accepts what was sent before."""
    monkeypatch.setattr("worker.intake.stream.OUTAGE_SECONDS", 0.05)
    monkeypatch.setattr("worker.intake.stream.TAKEOVER_MILLISECONDS", 100)
    server = EmbeddedServer(tmp_path / "server")
    server.start()
    with running_line(tmp_path, server.url(0), server.url(1), start=False) as line:
        bench = IntakeBench(line)
        bench.send(bench.request(upload_id="crm-1"))
        thread = threading.Thread(target=bench.intake.run)
        if outage == "gone":
            server.stop()
        else:
            bench.client.config_set("maxmemory", 1)
        with capture_logs() as told:
            thread.start()
            word, times = ("intake_waits", 3) if outage == "gone" else ("intake_paused", 1)
            wait_until(lambda: [e["event"] for e in told].count(word) >= times, what=f"{word} in the log")
        if outage == "gone":
            server.start()
        else:
            bench.client.config_set("maxmemory", 0)
        wait_until(lambda: bench.accepted() == [("crm-1", False)], what="the acceptance")
        assert thread.is_alive()
        bench.intake.stop()
        thread.join(10)
    server.stop()
