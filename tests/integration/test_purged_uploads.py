"""What is told of a purged upload: to those who submit it again, to those who ask for it, and to operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from config.settings import Settings
from producers.client import Client
from producers.errors import NoResult, UploadFailed
from tests.builders.ended import DAY_SECONDS, RETENTION_DAYS, an_ended_upload
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.records import an_upload
from tests.builders.stores import everything
from worker.core import upload as core
from worker.core.states import UploadState
from worker.retention.purging import purge_ended
from worker.store.errors import Stale
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store


@pytest.fixture
def bench(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[IntakeBench]:
    """Yield an intake at an empty stream."""
    with an_intake(tmp_path, redis_url, broker_url) as bench:
        yield bench


def purge_a_month_later(store: Store) -> None:
    """Let the records' time pass, and purge what is over."""
    store.clock_offset_seconds += (RETENTION_DAYS + 1) * DAY_SECONDS
    assert purge_ended(store, Retention(store), Settings(redis_url="redis://localhost:1/0")) == {Purged.OK: 1}


def purged_by_intake(bench: IntakeBench, **changes: object) -> None:
    """Have a request accepted, and its upload ended and purged."""
    bench.send(bench.request(upload_id="crm-1", **changes))
    bench.intake.read()
    upload = bench.store.upload("crm-1")
    assert upload is not None
    bench.store.commit(core.fail(upload, bench.store.now(), "empty", "Nothing in it.", RETENTION_DAYS))
    purge_a_month_later(bench.store)


def test_a_purged_request_is_recognised_and_makes_no_upload(bench: IntakeBench) -> None:
    """The same request again, also after its file is gone, is a duplicate whose state says that it was purged."""
    purged_by_intake(bench)
    before = bench.client.get(bench.store.key("upload", "crm-1"))
    request = bench.request(upload_id="crm-1", label="another")
    bench.send(request)
    bench.intake.read()
    bench.list_file().unlink()
    bench.send(request)
    bench.intake.read()
    assert bench.accepted() == [("crm-1", False), ("crm-1", True), ("crm-1", True)]
    assert json.loads(bench.events("accepted")[-1]["details"])["state"] == "purged/failed"
    assert bench.client.get(bench.store.key("upload", "crm-1")) == before
    assert bench.store.timeline("crm-1") == []
    assert bench.store.upload("crm-1") is None
    assert bench.unanswered() == 0


def test_a_purged_list_in_another_place_is_recognised(bench: IntakeBench) -> None:
    """The content names the list, wherever it lies now."""
    purged_by_intake(bench)
    bench.send(bench.request(upload_id="crm-1", path=bench.list_file("moved.csv")))
    bench.intake.read()
    assert bench.accepted() == [("crm-1", False), ("crm-1", True)]


@pytest.mark.parametrize("changes", [{"account": "whoisxml-main"}, {"options": {"header": False}}, {"path": "other"}])
def test_a_purged_id_with_another_request_is_a_conflict(bench: IntakeBench, changes: dict[str, object]) -> None:
    """An id stays taken by what it was first used for, as long as the tombstone stands."""
    purged_by_intake(bench)
    if "path" in changes:
        changes = {"path": bench.list_file("other.csv", "email\nb@example.com\n")}
    bench.send(bench.request(upload_id="crm-1", **changes))
    bench.intake.read()
    assert bench.reasons() == ["conflict"]
    assert bench.store.upload("crm-1") is None


def test_an_acceptance_that_raced_with_a_purge_writes_nothing(store: Store) -> None:
    """An intake that saw no record cannot write over a tombstone that is there by then."""
    an_ended_upload(store)
    purge_a_month_later(store)
    before = everything(store)
    with pytest.raises(Stale):
        store.commit(core.accept(an_upload("list-1", now=store.now()), "1-0"))
    assert everything(store) == before


@pytest.mark.parametrize(("state", "error"), [(UploadState.COMPLETED, NoResult), (UploadState.CANCELLED, UploadFailed)])
def test_the_client_tells_that_an_upload_was_purged(
    redis_url: str, store: Store, state: UploadState, error: type[NoResult]
) -> None:
    """Status and wait tell the outcome and where the manifest is; result says that the record is gone."""
    upload = an_ended_upload(store, state=state)
    purge_a_month_later(store)
    with Client(redis_url) as client:
        status = client.status("list-1")
        assert status is not None
        assert (status.state, status.outcome, status.purged, status.terminal) == (f"purged/{state}", state, True, True)
        assert status.finished_at == int(upload.finished_at or 0)
        assert "results/list-1/manifest.json" in status.message
        assert client.wait("list-1", timeout_seconds=30) == status
        with pytest.raises(error, match=r"results/list-1/manifest\.json") as raised:
            client.result("list-1")
    assert raised.value.reason == "purged"
