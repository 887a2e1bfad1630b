"""Results for applications without the storage: the CSV in Redis, before anybody is told, and for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import redis

from producers.client import Client
from producers.contract import EVENTS_STREAM, result_key
from producers.errors import NoResult
from producers.results import Result
from tests.builders.deadline import wait_until
from tests.builders.line import poll_now, running_line
from worker.actors import collect, deliver, prepare, submit
from worker.actors.names import manifest_name, result_name
from worker.core import upload as core
from worker.core.states import Lane, UploadState
from worker.rows.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.line import Line
    from worker.core.change import Change
    from worker.store.commit import Written

EMAILS = 'name,email\n"Doe, Jane",jane@example.com\nZoé,zoe@example.com\nEmpty,\n'
SHORT_LIVED = 100


def kept(line: Line, upload_id: str) -> bytes | None:
    """The copy of a result in Redis."""
    copy: Any = line.plant.context.store.client.get(result_key(upload_id))
    return None if copy is None else str(copy).encode()


def published(line: Line, upload_id: str) -> bytes:
    """The result in storage."""
    return line.plant.context.storage.read(result_name(upload_id), 1_000_000)


def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have applications run where the storage cannot be read."""
    monkeypatch.setattr(Result, "readable_here", property(lambda _: False))


def submitted(line: Line, upload_id: str = "rows", *, name: str = "list.csv", text: str = EMAILS) -> str:
    """A list whose result is wanted as rows."""
    return line.submit(line.file(name, text), "ipqs-main", upload_id=upload_id, result="rows")


def told(line: Line, upload_id: str, word: str) -> list[dict[str, Any]]:
    """The details of every event of a word."""
    return [event.details for event in line.client.events(upload_id) if event.event == word]


def test_an_application_without_the_storage_gets_its_rows(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CSV in Redis is the CSV in storage, for a limited time, and the client reads it where the file cannot be."""
    with running_line(tmp_path, redis_url, broker_url, result_rows_ttl_seconds=SHORT_LIVED) as line:
        upload_id = submitted(line)
        line.finish(upload_id)
        assert kept(line, upload_id) == published(line, upload_id)
        ttl: Any = line.plant.context.store.client.ttl(result_key(upload_id))
        assert 0 < ttl <= SHORT_LIVED
        assert told(line, upload_id, "completed")[0]["rows_in_redis"] is True

        here = line.client.result(upload_id)
        assert (here.rows_in_redis, here.rows_csv) == (True, None)
        away(monkeypatch)
        result = line.client.result(upload_id)
        with result.open() as file:
            assert file.read() == published(line, upload_id)
        result.copy_to(tmp_path / "copy.csv")
        assert (tmp_path / "copy.csv").read_bytes() == published(line, upload_id)
        assert "jane" not in repr(result)
        assert result.rows_until is not None
        assert 0 < result.rows_until - line.plant.context.store.now() <= SHORT_LIVED


def test_whoever_is_woken_by_the_event_finds_the_rows(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Rows are in Redis before the write that completes the upload and tells of it."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        found: list[tuple[str, bool]] = []
        commit = line.plant.context.store.commit

        def watched(change: Change) -> Written:
            if change.decision == "completed":
                found.append((change.upload_id, kept(line, change.upload_id) is not None))
            return commit(change)

        line.plant.context.store.commit = watched  # type: ignore[method-assign]  # looks, and passes on
        line.finish(submitted(line))
        assert found == [("rows", True)]


def test_without_the_wish_nothing_of_a_result_is_in_redis(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A result lies in storage alone unless rows were asked for, and the record says nothing else."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        upload_id = line.submit(line.file("list.csv", EMAILS), "ipqs-main")
        line.finish(upload_id)
        assert kept(line, upload_id) is None
        result = line.upload(upload_id).result
        assert result is not None
        assert (result.rows_in_redis, result.rows_until, result.rows_reason) == (False, None, "")
        assert "rows_in_redis" not in told(line, upload_id, "completed")[0]


def test_a_result_that_is_too_large_says_so(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result above the limit completes all the same; record, event and client say that its rows are not in Redis."""
    with running_line(tmp_path, redis_url, broker_url, result_rows_bytes_max=100) as line:
        upload_id = submitted(line)
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED
        assert kept(line, upload_id) is None
        assert told(line, upload_id, "completed")[0]["rows_in_redis"] is False
        away(monkeypatch)
        result = line.client.result(upload_id)
        assert (result.rows_in_redis, result.rows_reason) == (False, "too_large")
        elsewhere = result.model_copy(update={"url": "s3://bucket/result.csv"})
        with pytest.raises(NoResult, match="too large to be put into Redis"):
            elsewhere.copy_to(tmp_path / "copy.csv")


def test_a_crash_between_rows_and_completion_is_repaired(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a worker dies after the rows were written, nobody was told; the next one writes them again and completes."""
    delivered = core.delivered
    seen: list[bytes | None] = []

    def die_once(*arguments: Any) -> Change:
        if not seen:
            seen.append(kept(line, "rows"))
            line.plant.context.store.client.delete(result_key("rows"))
            raise SystemExit
        return delivered(*arguments)

    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        finish_parts(line, submitted(line))
        monkeypatch.setattr(core, "delivered", die_once)
        with pytest.raises(SystemExit):
            deliver.run(line.plant.context, "rows", line.upload("rows").epoch)
        assert seen == [published(line, "rows")]
        assert told(line, "rows", "completed") == []
        assert line.upload("rows").state is UploadState.DELIVERING
        line.start_worker()
        line.finish("rows")
        assert line.upload("rows").state is UploadState.COMPLETED
        assert kept(line, "rows") == published(line, "rows")
        assert len(told(line, "rows", "completed")) == 1


def finish_parts(line: Line, upload_id: str) -> None:
    """Run every step but the delivery, one after the other."""
    context = line.plant.context
    prepare.run(context, upload_id, line.upload(upload_id).epoch)
    submit.run(context, f"{upload_id}/0", line.parts(upload_id)[0].epoch)

    def looked() -> bool:
        poll_now(context, "ipqs-main")
        return line.parts(upload_id)[0].lane is Lane.COLLECT

    wait_until(looked, what="the job finished")
    collect.run(context, f"{upload_id}/0", line.parts(upload_id)[0].epoch)


def test_rows_that_are_gone_are_put_back_by_the_same_request(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After their time, the client says what to do; the same request brings the rows back, and is not paid for."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.finish(submitted(line))
        line.plant.context.store.client.delete(result_key("rows"))
        away(monkeypatch)
        gone = line.client.result("rows").model_copy(update={"url": "s3://bucket/result.csv"})
        with pytest.raises(NoResult, match="submit the same request again"):
            gone.copy_to(tmp_path / "copy.csv")
        submitted(line)
        assert line.client.wait("rows", timeout_seconds=30).state == UploadState.COMPLETED
        assert line.client.result("rows").rows_csv == published(line, "rows")
        assert len(line.ipqs.ledger) == 1


@pytest.mark.parametrize("ended", [False, True])
def test_rows_can_be_asked_for_later(tmp_path: Path, redis_url: str, broker_url: str, *, ended: bool) -> None:
    """Rows of a list that was submitted without that wish come into Redis with it, before and after the end."""
    with running_line(tmp_path, redis_url, broker_url, start=ended) as line:
        path = line.file("list.csv", EMAILS)
        upload_id = line.submit(path, "ipqs-main")
        if ended:
            line.finish(upload_id)
        assert line.submit(path, "ipqs-main", result="rows") == upload_id
        assert line.upload(upload_id).result_place == "rows"
        if not ended:
            line.start_worker()
            line.finish(upload_id)
        line.client.wait(upload_id, timeout_seconds=30)
        assert kept(line, upload_id) == published(line, upload_id)
        assert line.client.result(upload_id).rows_in_redis
        assert len(line.ipqs.ledger) == 1


def test_rows_that_storage_lost_are_said_to_be_missing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Asked for later, a result that cannot be read any more is recognised, and the record says why it is not there."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        path = line.file("list.csv", EMAILS)
        upload_id = line.submit(path, "ipqs-main")
        line.finish(upload_id)
        line.plant.context.storage.delete_prefix("results")
        line.submit(path, "ipqs-main", result="rows")
        result = line.client.result(upload_id)
        assert (result.rows_in_redis, result.rows_reason) == (False, "storage_not_found")


def test_no_manifest_and_no_record_holds_a_link(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """What is kept of a delivered upload names objects in storage, and no address or token of the provider."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.finish(submitted(line))
        store = line.plant.context.store
        manifest = line.plant.context.storage.read(manifest_name("rows"), 1_000_000).decode()
        Manifest.load(manifest.encode())
        record = str(store.client.get(store.key("upload", "rows")))
        part = str(store.client.get(store.key("part", "rows/0")))
        events: Any = store.client.xrange(EVENTS_STREAM)
        for text in (manifest, record, part, json.dumps(events)):
            assert line.server.base_url not in text
            assert "http" not in text


def test_a_connection_that_does_not_decode_reads_the_same_rows(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """A client whose connection answers in bytes reads the same rows."""
    with running_line(tmp_path, redis_url, broker_url) as line:
        line.finish(submitted(line))
        with redis.Redis.from_url(redis_url) as raw, Client(redis=raw) as client:
            wanted = client.result("rows").model_copy(update={"url": "s3://bucket/result.csv"})
            assert client.with_rows(wanted).rows_csv == published(line, "rows")
