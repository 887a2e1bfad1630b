"""A producer's rows of the day: counted once per upload, and a list that does not fit fails unspent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.line import running_line
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_lossy_store, a_store
from worker.actors import prepare
from worker.core import upload as core
from worker.core.states import UploadState
from worker.store.errors import OverQuota

if TYPE_CHECKING:
    from pathlib import Path

    from worker.core.change import Change
    from worker.core.records import UploadRecord
    from worker.store.store import Store

DAY_SECONDS = 86_400
TWO_ROWS = "email\nann@example.com\nbob@example.com\nann@EXAMPLE.com\n\n"


def preparing(store: Store, upload_id: str, producer: str = "crm") -> UploadRecord:
    """An upload that a worker is preparing, as it stands in the store."""
    upload = an_upload(upload_id, UploadState.PREPARING, producer=producer, now=store.now())
    stored(store, upload)
    return upload.written()


def prepared(upload: UploadRecord, rows: int, most: int | None) -> Change:
    """The decision that an upload of so many rows is prepared."""
    found = core.Prepared({}, "input", 1, rows, 0, 0, 0, rows)
    return core.prepared(upload, found, [a_part(upload.upload_id)], upload.since, 60.0, rows_per_day_max=most)


def test_rows_count_for_their_producer_and_day(redis_url: str, store: Store) -> None:
    """What fits is counted; what does not writes nothing and tells when the day ends; the next begins at nothing."""
    store.commit(prepared(preparing(store, "one"), 60, 100))
    store.commit(prepared(preparing(store, "other", "shop"), 90, 100))
    second = preparing(store, "two")
    with pytest.raises(OverQuota) as over:
        store.commit(prepared(second, 41, 100))
    assert (over.value.used_rows, over.value.resets_at % DAY_SECONDS) == (60, 0)
    assert 0 < over.value.resets_at - store.now() <= DAY_SECONDS
    assert store.upload("two") == second.model_copy(update={"txn": (store.upload("two") or second).txn})
    assert store.part("two/0") is None
    store.commit(prepared(second, 40, 100))
    assert (store.rows_today("crm"), store.rows_today("shop"), store.rows_today("nobody")) == (100, 90, 0)
    tomorrow = a_store(redis_url, clock_offset_seconds=DAY_SECONDS)
    assert tomorrow.rows_today("crm") == 0
    tomorrow.commit(prepared(preparing(tomorrow, "three"), 100, 100))
    tomorrow.client.close()


def test_without_a_limit_rows_are_counted_all_the_same(store: Store) -> None:
    """A limit that is set later in the day knows of what went before; the count is forgotten after two days."""
    store.commit(prepared(preparing(store, "one"), 60, None))
    with pytest.raises(OverQuota):
        store.commit(prepared(preparing(store, "two"), 60, 100))
    (key,) = store.client.keys(store.key("quota", "*"))
    assert 0 < int(store.client.ttl(key)) <= 2 * DAY_SECONDS


def test_a_write_whose_reply_was_lost_counts_once(redis_url: str) -> None:
    """Rows are counted by the write that makes the upload prepared, and that write happens once."""
    store = a_lossy_store(redis_url, 0)
    upload = preparing(store, "one")
    store.client.losses = 2  # type: ignore[attr-defined]  # the lossy client's
    store.commit(prepared(upload, 60, 100))
    assert store.rows_today("crm") == 60
    store.client.close()


def test_a_list_over_the_quota_fails_and_costs_nothing(tmp_path: Path, redis_url: str, broker_url: str) -> None:
    """Only rows to be paid for count; a list that does not fit fails with use, limit and reset, and is not charged."""
    overrides = {"producer_rows_per_day_max": 1, "producer_rows_per_day_overrides": {"test": 3}}
    with running_line(tmp_path, redis_url, broker_url, **overrides) as line:
        first = line.submit(line.file("one.csv", TWO_ROWS), "ipqs-main", upload_id="one")
        line.finish(first)
        second = line.submit(
            line.file("two.csv", "email\nc@example.com\nd@example.com\n"), "ipqs-main", upload_id="two"
        )
        line.finish(second)
        failed = line.upload(second)
        assert line.upload(first).state is UploadState.COMPLETED
        assert (failed.state, failed.reason, failed.parts_total) == (UploadState.FAILED, "producer_quota", 0)
        assert "'test' may have 3 rows a day; 2 are used and this list has 2" in failed.message
        assert "00:00 UTC; `bulkverify retry two`" in failed.message
        assert [charge.rows for charge in line.ipqs.ledger] == [2]
        assert line.plant.context.store.rows_today("test") == 2


def test_a_preparation_that_is_repeated_counts_once(
    tmp_path: Path, redis_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies after all of the work and before its outcome leaves nothing counted for the next one."""
    deaths: list[str] = []
    publish = prepare._publish

    def dies_once(*arguments: object) -> object:
        parts = publish(*arguments)  # type: ignore[arg-type]  # passed through
        if not deaths:
            deaths.append("died")
            raise MemoryError
        return parts

    monkeypatch.setattr(prepare, "_publish", dies_once)
    with running_line(tmp_path, redis_url, broker_url, producer_rows_per_day_max=2) as line:
        upload_id = line.submit(line.file("one.csv", TWO_ROWS), "ipqs-main")
        line.finish(upload_id)
        assert line.upload(upload_id).state is UploadState.COMPLETED, line.decisions(upload_id)
        assert "crashed" in line.decisions(upload_id)
        assert line.plant.context.store.rows_today("test") == 2
