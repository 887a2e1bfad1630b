"""Purging: an upload that ended long ago gives way to a tombstone, whole, once, and is never paid for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from config.settings import Settings
from tests.builders.coherence import check_coherent
from tests.builders.ended import DAY_SECONDS, RETENTION_DAYS, an_ended_upload, ended_uploads, keys_of
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_lossy_store, everything
from worker.core import upload as core
from worker.core.change import Claim
from worker.core.part import change as part_change
from worker.core.states import PartState, UploadState
from worker.core.tombstone import TOMBSTONE_BYTES_MAX, Tombstone
from worker.core.values import Evidence
from worker.retention.purging import PURGES_MAX, complete_index, purge_ended
from worker.store.errors import StoreUnavailable, Taken
from worker.store.retention import PARTS_PER_WRITE, Purged, Retention

if TYPE_CHECKING:
    from worker.store.store import Store

SETTINGS = Settings(redis_url="redis://localhost:1/0")
LONGEST_ID = "x" * 100


def let_days_pass(store: Store, days: float) -> None:
    """Move the store's clock on."""
    store.clock_offset_seconds += days * DAY_SECONDS


def purge(store: Store) -> dict[Purged, int]:
    """One turn of purging."""
    return dict(purge_ended(store, Retention(store), SETTINGS))


@pytest.mark.parametrize("state", ["completed", "failed", "cancelled"])
def test_an_upload_is_purged_when_its_time_is_over(store: Store, state: str) -> None:
    """A day before nothing is purged; after it nothing names the upload but its tombstone and its remote ids."""
    an_ended_upload(store, state=UploadState(state))
    let_days_pass(store, RETENTION_DAYS - 1)
    assert purge(store) == {}
    let_days_pass(store, 2)
    assert purge(store) == {Purged.OK: 1}
    assert keys_of(store, "list-1") == [
        "bulkverify:remote_purged: ipqs-main|list-1-0",
        "bulkverify:remote_purged: ipqs-main|list-1-1",
        "bulkverify:staged: list-1",
        "bulkverify:upload:list-1",
    ]
    assert store.upload("list-1") is None
    found = store.found("list-1")
    assert isinstance(found, Tombstone)
    assert found.state == f"purged/{state}"
    assert store.client.hget(store.key("counters"), f"purged|{state}") == "1"
    check_coherent(store)


@pytest.mark.parametrize("state", [UploadState.COMPLETED, UploadState.FAILED, UploadState.CANCELLED])
def test_a_tombstone_is_small_and_goes_by_itself(store: Store, state: UploadState) -> None:
    """With the longest id it has at most 200 bytes, its key included, and Redis forgets it after its days."""
    an_ended_upload(store, LONGEST_ID, state)
    let_days_pass(store, 31)
    purge(store)
    key = store.key("upload", LONGEST_ID)
    assert len(key) + store.client.strlen(key) <= TOMBSTONE_BYTES_MAX
    assert 399 * DAY_SECONDS < store.client.ttl(key) <= 400 * DAY_SECONDS


def test_what_has_not_ended_or_was_written_since_is_not_purged(store: Store) -> None:
    """A record that moved on since it was read, and one that lives again, stay as they are."""
    upload = an_ended_upload(store)
    let_days_pass(store, 31)
    retention = Retention(store)
    before = everything(store)
    assert retention.purge(upload.model_copy(update={"version": 7}), 400) is Purged.STALE
    assert everything(store) == before
    alive = upload.model_copy(update={"state": UploadState.RUNNING, "retain_until": None})
    store.commit(core.change("retry", alive))
    assert purge(store) == {}
    assert retention.purge(alive.written(), 400) is Purged.STALE
    assert store.upload("list-1") is not None


def test_a_part_that_has_not_ended_keeps_its_upload(store: Store) -> None:
    """An upload with a part in quarantine is not forgotten: it is put off, and purged when the part has ended."""
    upload = an_ended_upload(store)
    part = store.part("list-1/1")
    assert part is not None
    store.commit(part_change("test", part.model_copy(update={"state": PartState.QUARANTINED})))
    let_days_pass(store, 31)
    before = store.part("list-1/0")
    assert purge(store) == {Purged.BUSY: 1}
    assert purge(store) == {}
    assert (store.upload("list-1"), store.part("list-1/0")) == (upload_of(store), before)
    again = store.part("list-1/1")
    assert again is not None
    store.commit(part_change("test", again.model_copy(update={"state": PartState.COLLECTED})))
    let_days_pass(store, 2)
    assert purge(store) == {Purged.OK: 1}
    assert upload.upload_id == "list-1"


def upload_of(store: Store) -> object:
    """The upload as it is now."""
    return store.upload("list-1")


@pytest.mark.parametrize("writes_done", [1, 2])
def test_a_purge_that_was_interrupted_is_done_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, writes_done: int
) -> None:
    """A process killed between two of its writes leaves an upload that the next turn purges whole."""
    monkeypatch.setattr("worker.store.retention.PARTS_PER_WRITE", 1)
    upload = an_ended_upload(store, parts_total=3)
    stored(store, upload, a_part("list-1", 2, PartState.FAILED, now=store.now()))
    let_days_pass(store, 31)
    retention = Retention(store)
    scripts: Any = retention._scripts
    script, left = scripts["purge"], iter(range(writes_done))

    def dying(**arguments: object) -> object:
        if next(left, None) is None:
            raise StoreUnavailable("killed")
        return script(**arguments)

    scripts["purge"] = dying
    with pytest.raises(StoreUnavailable):
        purge_ended(store, retention, SETTINGS)
    assert len(list(store.parts_of(upload))) == 3 - writes_done
    assert store.upload("list-1") is not None
    assert purge(store) == {Purged.OK: 1}
    assert purge(store) == {}
    assert len(keys_of(store, "list-1")) == 4
    check_coherent(store)


def test_a_purge_whose_answer_was_lost_has_happened_once(redis_url: str, store: Store) -> None:
    """The turn after it finds nothing to do, and the upload is counted once."""
    an_ended_upload(store)
    lossy = a_lossy_store(redis_url, 0)
    lossy.clock_offset_seconds = 31 * DAY_SECONDS
    retention = Retention(lossy)
    for script in retention._scripts.values():
        lossy.client.script_load(script.script)
    lossy.client.losses = 1  # type: ignore[attr-defined]  # a client that loses replies
    with pytest.raises(StoreUnavailable):
        purge_ended(lossy, retention, SETTINGS)
    assert isinstance(store.found("list-1"), Tombstone)
    assert purge_ended(lossy, retention, SETTINGS) == {}
    assert store.client.hget(store.key("counters"), "purged|completed") == "1"
    lossy.client.close()


def test_ten_thousand_uploads_are_purged_in_bounded_batches(store: Store) -> None:
    """No turn purges more than its batch, and after enough turns nothing is left but the tombstones."""
    ended_uploads(store, 10_000)
    let_days_pass(store, 31)
    turns = 0
    while told := purge(store):
        assert told == {Purged.OK: PURGES_MAX}
        turns += 1
    assert turns == 10_000 / PURGES_MAX
    assert store.client.zcard(store.key("retain")) == 0
    assert store.upload_ids(most=20_000) == []
    assert store.purged_total() == len(store.client.keys(store.key("upload", "*"))) == 10_000


def test_an_upload_of_many_parts_is_purged_in_several_writes(store: Store) -> None:
    """Parts beyond those of one write are gone, too."""
    number = PARTS_PER_WRITE + 1
    upload = an_ended_upload(store, parts_total=number)
    born = [a_part("list-1", index, PartState.CANCELLED, now=store.now()) for index in range(2, number)]
    stored(store, upload, *born)
    let_days_pass(store, 31)
    assert purge(store) == {Purged.OK: 1}
    assert list(store.parts_of(upload)) == []
    check_coherent(store)


def test_uploads_that_an_older_program_ended_are_found(store: Store) -> None:
    """Records that no index names are entered, once, by the time at which they ended."""
    ended_uploads(store, 3)
    an_ended_upload(store, "undated", retain_until=None)
    stored(store, an_upload("alive", now=store.now()))
    store.client.delete(store.key("retain"), store.key("staged"))
    retention = Retention(store)
    assert complete_index(retention, SETTINGS) == 4
    assert complete_index(retention, SETTINGS) == 0
    assert store.client.zcard(store.key("staged")) == 4
    let_days_pass(store, 31)
    assert purge(store) == {Purged.OK: 4}
    assert store.upload("alive") is not None


def test_a_damaged_record_keeps_no_other_from_being_purged(store: Store) -> None:
    """What nobody can read is put off, untouched."""
    ended_uploads(store, 2)
    store.client.set(store.key("upload", "list-0"), "{")
    let_days_pass(store, 31)
    assert purge(store) == {Purged.BUSY: 1, Purged.OK: 1}
    assert purge(store) == {}
    assert store.client.get(store.key("upload", "list-0")) == "{"


def test_jobs_of_others_are_not_forgotten_with_the_part_they_were_named_for(store: Store) -> None:
    """One that held other values, or belongs to another part, can still be found and adopted after the purge."""
    upload = an_ended_upload(store)
    part = store.part(f"{upload.upload_id}/0")
    assert part is not None
    named = tuple(Evidence(remote_id=remote_id, how="time", at=store.now()) for remote_id in ("strange", "taken"))
    store.commit(part_change("learn", part.model_copy(update={"evidence": named, "excluded": ("strange",)})))
    other = a_part("list-2", state=PartState.SUBMITTED, remote_id="taken")
    store.commit(part_change("adopt", other, claims=(Claim("ipqs-main", "taken", "list-2/0"),)))
    let_days_pass(store, 31)
    purge(store)
    assert store.was_purged("ipqs-main", "list-1-0")
    assert not store.was_purged("ipqs-main", "strange")
    assert not store.was_purged("ipqs-main", "taken")
    assert store.part_of_remote("ipqs-main", "taken") == "list-2/0"


def test_remote_ids_stay_known_as_long_as_the_tombstone(store: Store) -> None:
    """Jobs of a purged upload are no orphans and no other part's; when the tombstone is gone they are forgotten."""
    an_ended_upload(store)
    let_days_pass(store, 31)
    purge(store)
    assert store.part_of_remote("ipqs-main", "list-1-0") is None
    assert store.was_purged("ipqs-main", "list-1-0")
    assert not store.was_purged("ipqs-main@elsewhere", "list-1-0")
    part = a_part("list-2", state=PartState.SUBMITTED, remote_id="list-1-0")
    with pytest.raises(Taken, match="of a purged upload"):
        store.commit(part_change("adopt", part, claims=(Claim("ipqs-main", "list-1-0", "list-2/0"),)))
    let_days_pass(store, 401)
    purge(store)
    assert not store.was_purged("ipqs-main", "list-1-0")
