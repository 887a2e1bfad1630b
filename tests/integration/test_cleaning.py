"""Cleaning the storage: what nobody needs goes, what somebody may need stays, and no upload loses its files."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from tests.builders.ended import DAY_SECONDS, an_ended_upload
from tests.builders.intake_bench import IntakeBench, an_intake
from tests.builders.records import a_part, an_attempt, an_upload, stored
from tests.builders.stores import everything
from worker.actors.attempts import attempt_name, outcome_name
from worker.actors.kept import kept_name
from worker.actors.names import input_name, manifest_name, raw_name, result_name, values_name, verdicts_name
from worker.core import upload as core
from worker.core.states import UploadState
from worker.retention.cleaning import REFUSED_SECONDS, REMOVALS_MAX, WALK_FOLDERS, Cleaner
from worker.storage import Storage, StorageUnavailable, open_storage
from worker.store.errors import Stale
from worker.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.store import Store

SETTINGS = Settings(redis_url="redis://localhost:1/0")
TOKEN = "bv-abcdefghijklmnop"


@pytest.fixture
def cleaner(store: Store, tmp_path: Path) -> Cleaner:
    """Return a cleaner of an empty storage."""
    return Cleaner(store, open_storage((tmp_path / "storage").as_uri()), Retention(store), SETTINGS)


def staged_names(upload_id: str) -> list[str]:
    """Everything that is staged of an upload of one part, sorted."""
    return [
        input_name(an_upload(upload_id=upload_id, source={"path": "/srv/list.csv"})),
        raw_name(upload_id, 0, "result.csv"),
        values_name(upload_id, 0),
        verdicts_name(upload_id, 0),
    ]


def kept_names(upload_id: str) -> list[str]:
    """What stays of an upload, sorted."""
    return [manifest_name(upload_id), result_name(upload_id)]


def with_files(storage: Storage, *upload_ids: str, age_days: float = 0.0) -> None:
    """Put every file of these uploads into storage, written so long ago."""
    for upload_id in upload_ids:
        for name in (*staged_names(upload_id), *kept_names(upload_id)):
            storage.create(name, b"x")
            grow_old(storage, name, age_days)


def grow_old(storage: Storage, name: str, days: float) -> None:
    """Let an object look as if it had been written so long ago."""
    path = storage.local_path(name)
    assert path is not None
    written_at = time.time() - days * DAY_SECONDS
    os.utime(path, (written_at, written_at))


def let_days_pass(cleaner: Cleaner, days: float) -> None:
    """Move the store's clock on."""
    cleaner.store.clock_offset_seconds += days * DAY_SECONDS


def removed(cleaner: Cleaner, what: str) -> int:
    """The count of removed objects of a sort."""
    return int(str(cleaner.store.client.hget("bulkverify:counters", f"removed|{what}") or 0))


def test_staged_files_go_a_week_after_the_end_and_results_stay(cleaner: Cleaner) -> None:
    """The staged files of an ended upload are kept for STAGING_DAYS; its result and manifest for ever."""
    with_files(cleaner.storage, "list-1", "alive")
    an_ended_upload(cleaner.store)
    stored(cleaner.store, an_upload("alive", UploadState.RUNNING, now=cleaner.store.now()))
    let_days_pass(cleaner, 6.9)
    assert cleaner.remove_staged() == 0
    let_days_pass(cleaner, 0.2)
    assert cleaner.remove_staged() == 4
    assert list(cleaner.storage.list("uploads")) == staged_names("alive")
    assert list(cleaner.storage.list("results")) == [*kept_names("alive"), *kept_names("list-1")]
    assert cleaner.remove_staged() == 0
    assert removed(cleaner, "staging") == 4
    assert cleaner.store.client.keys("bulkverify:removing:*") == []


@pytest.mark.parametrize("state", [UploadState.COMPLETED, UploadState.FAILED, UploadState.CANCELLED])
def test_staged_passwords_go_as_soon_as_the_upload_has_ended(cleaner: Cleaner, state: UploadState) -> None:
    """Copies of secrets are not kept for a moment longer than they are needed, however the upload ended."""
    with_files(cleaner.storage, "secret", "list-1")
    stored(cleaner.store, an_upload("secret", UploadState.RUNNING, kind="leaked_password", now=cleaner.store.now()))
    an_ended_upload(cleaner.store)
    assert cleaner.remove_staged() == 0
    running = cleaner.store.upload("secret")
    assert running is not None
    ended = {"state": state, "lane": None, "due_at": None, "finished_at": cleaner.store.now()}
    cleaner.store.commit(core.change("end", running.model_copy(update=ended)))
    assert cleaner.remove_staged() == 4
    assert list(cleaner.storage.list("uploads")) == staged_names("list-1")


def test_files_of_an_upload_that_lives_are_never_claimed(cleaner: Cleaner) -> None:
    """An index that is wrong does no harm: the record decides, in the same step that claims the files."""
    with_files(cleaner.storage, "alive")
    stored(cleaner.store, an_upload("alive", UploadState.RUNNING, now=cleaner.store.now()))
    cleaner.store.client.zadd(cleaner.store.key("staged"), {"alive": 0})
    assert cleaner.remove_staged() == 0
    assert list(cleaner.storage.list("uploads")) == staged_names("alive")


def test_an_upload_does_not_come_to_life_while_its_files_are_removed(cleaner: Cleaner) -> None:
    """Taking it up again and accepting it anew write nothing until the removal has ended."""
    upload = an_ended_upload(cleaner.store)
    alive = core.change("retry", upload.model_copy(update={"state": UploadState.RUNNING, "retain_until": None}))
    anew = core.accept(an_upload("new", now=cleaner.store.now()), "1-0")
    assert cleaner.retention.claim_removal("list-1")
    assert cleaner.retention.claim_removal("new")
    before = everything(cleaner.store)
    for change in (alive, anew):
        with pytest.raises(Stale):
            cleaner.store.commit(change)
    assert everything(cleaner.store) == before
    cleaner.retention.end_removal("list-1", "staging", 0)
    cleaner.retention.end_removal("new", "staging", 0)
    for change in (alive, anew):
        cleaner.store.commit(change)
    assert not cleaner.retention.claim_removal("list-1")
    assert cleaner.store.client.zscore(cleaner.store.key("staged"), "list-1") is None


def test_one_cleaner_at_a_time_has_an_uploads_files(cleaner: Cleaner) -> None:
    """A second claim is refused while the first one holds."""
    an_ended_upload(cleaner.store)
    assert cleaner.retention.claim_removal("list-1")
    assert not cleaner.retention.claim_removal("list-1")


def test_a_removal_that_was_interrupted_is_done_again(cleaner: Cleaner) -> None:
    """A cleaner killed in the middle leaves a claim that ends by itself, and an index that still names the upload."""
    with_files(cleaner.storage, "list-1")
    an_ended_upload(cleaner.store)
    let_days_pass(cleaner, 8)
    assert cleaner.retention.claim_removal("list-1")
    assert cleaner.remove_staged() == 0
    cleaner.store.client.delete(cleaner.store.key("removing", "list-1"))
    assert cleaner.remove_staged() == 4


def test_what_storage_refuses_is_tried_again_later(cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder that cannot be removed keeps no other from it, and is tried again after a while."""
    with_files(cleaner.storage, "bad", "good")
    an_ended_upload(cleaner.store, "bad")
    an_ended_upload(cleaner.store, "good")
    let_days_pass(cleaner, 8)
    delete = cleaner.storage.delete_prefix

    def refusing(folder: str) -> int:
        if folder.endswith("/bad"):
            raise StorageUnavailable("read-only")
        return delete(folder)

    with monkeypatch.context() as patch, capture_logs() as told:
        patch.setattr(cleaner.storage, "delete_prefix", refusing)
        assert cleaner.remove_staged() == 4
        assert cleaner.remove_staged() == 0
    assert [entry["event"] for entry in told if entry["log_level"] == "warning"] == ["not_removed"]
    cleaner.store.clock_offset_seconds += REFUSED_SECONDS + 1
    assert cleaner.remove_staged() == 4


def test_one_turn_removes_a_bounded_number(cleaner: Cleaner) -> None:
    """What is left is for the next turns."""
    for number in range(REMOVALS_MAX + 1):
        an_ended_upload(cleaner.store, f"list-{number}")
        cleaner.storage.create(values_name(f"list-{number}", 0), b"x")
    let_days_pass(cleaner, 8)
    assert [cleaner.remove_staged() for _ in range(3)] == [REMOVALS_MAX, 1, 0]


def test_files_that_nobody_owns_go_when_they_are_old(cleaner: Cleaner) -> None:
    """Files of uploads that do not exist, or were purged, go a week after they were written; of others they stay."""
    with_files(cleaner.storage, "old", "tomb", "alive", age_days=8)
    with_files(cleaner.storage, "young", age_days=6)
    stored(cleaner.store, an_upload("alive", UploadState.ATTENTION, now=cleaner.store.now()))
    cleaner.store.client.set(cleaner.store.key("upload", "tomb"), '{"state":"purged/failed","at":1,"d":"x"}')
    assert cleaner.walk_staging() == 8
    assert list(cleaner.storage.list("uploads")) == [*staged_names("alive"), *staged_names("young")]
    assert len(list(cleaner.storage.list("results"))) == 8
    assert removed(cleaner, "orphan") == 8


def test_a_file_that_a_late_worker_wrote_goes_too(cleaner: Cleaner) -> None:
    """What is written below an upload after its files were removed is found by the walk."""
    an_ended_upload(cleaner.store)
    let_days_pass(cleaner, 8)
    cleaner.remove_staged()
    cleaner.storage.create(verdicts_name("list-1", 0), b"late")
    assert cleaner.walk_staging() == 1


def test_a_walk_goes_on_where_it_stopped(cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step looks at a bounded number of folders, whoever makes it, and after the last one all begins anew."""
    monkeypatch.setattr("worker.retention.cleaning.WALK_FOLDERS", 2)
    assert WALK_FOLDERS > 2
    with_files(cleaner.storage, "a", "b", "c", "d", "e", age_days=8)
    assert [cleaner.walk_staging() for _ in range(4)] == [8, 8, 4, 0]
    with_files(cleaner.storage, "a", age_days=8)
    assert cleaner.walk_staging() == 4


def an_attempt_record(cleaner: Cleaner, token: str, upload_id: str) -> None:
    """Put an attempt of an upload and its outcome into storage, made now by the store's clock."""
    known = {"upload_id": upload_id, "at": cleaner.store.now()}
    cleaner.storage.create(attempt_name(token, 1), json.dumps(known).encode())
    cleaner.storage.create(outcome_name(token, 1), b"{}")


def test_attempts_are_kept_longer_than_any_tombstone(cleaner: Cleaner) -> None:
    """The guard against paying twice stands for the days of records and of tombstones, and then goes."""
    an_attempt_record(cleaner, TOKEN, "gone")
    let_days_pass(cleaner, SETTINGS.retention_days + SETTINGS.tombstone_days - 1)
    assert cleaner.walk_attempts() == 0
    let_days_pass(cleaner, 2)
    assert cleaner.walk_attempts() == 2
    assert list(cleaner.storage.list("attempts")) == []
    assert removed(cleaner, "attempt") == 2


def test_what_is_kept_of_uploads_is_kept_as_long(cleaner: Cleaner) -> None:
    """It stands as long as attempts do, and longer where the upload has a record; then it goes, whatever is in it."""
    days = SETTINGS.retention_days + SETTINGS.tombstone_days
    stored(cleaner.store, an_upload("alive", UploadState.ATTENTION, now=cleaner.store.now()))
    for upload_id, age_days in (("young", days - 1), ("old", days + 1), ("alive", days + 1)):
        cleaner.storage.create(kept_name(upload_id), b"{}")
        path = cleaner.storage.local_path(kept_name(upload_id))
        assert path is not None
        os.utime(path, (time.time() - age_days * DAY_SECONDS,) * 2)
    assert cleaner.walk_records() == 1
    assert list(cleaner.storage.list("records")) == [kept_name("alive"), kept_name("young")]


@pytest.mark.parametrize("kept", ["record", "tombstone", "unreadable"])
def test_attempts_of_what_is_remembered_or_unclear_are_kept(cleaner: Cleaner, kept: str) -> None:
    """However old, an attempt stays while its upload has a record or a tombstone, or if it cannot be read."""
    an_attempt_record(cleaner, TOKEN, "list-1")
    if kept == "record":
        part = a_part("list-1", 0, now=cleaner.store.now(), attempt=an_attempt(), token=TOKEN)
        stored(cleaner.store, an_upload("list-1", UploadState.ATTENTION, now=cleaner.store.now()), part)
    elif kept == "tombstone":
        cleaner.store.client.set(cleaner.store.key("upload", "list-1"), '{"state":"purged/failed","at":1,"d":"x"}')
    else:
        path = cleaner.storage.local_path(attempt_name(TOKEN, 1))
        assert path is not None
        path.write_text("{")
    let_days_pass(cleaner, 5_000)
    assert cleaner.walk_attempts() == 0
    assert len(list(cleaner.storage.list("attempts"))) == 2


def test_unfinished_objects_of_killed_writers_go(cleaner: Cleaner, tmp_path: Path) -> None:
    """What was begun a week ago and never finished is removed and counted; what is being written is not."""
    old, young = (tmp_path / "storage" / ".unfinished" / name for name in ("1-old", "2-young"))
    for path in (old, young):
        path.write_text("x")
    os.utime(old, (time.time() - 8 * DAY_SECONDS,) * 2)
    assert cleaner.remove_leftovers() == 1
    assert young.exists()
    assert removed(cleaner, "leftover") == 1


def test_a_request_for_an_upload_that_is_being_cleaned_up_waits(
    tmp_path: Path, redis_url: str, broker_url: str
) -> None:
    """A request that meets a removal stays in the stream, unanswered, and is accepted after it."""
    with an_intake(tmp_path, redis_url, broker_url) as bench:
        retention = Retention(bench.store)
        assert retention.claim_removal("crm-1")
        bench.send(bench.request(upload_id="crm-1"))
        with pytest.raises(Exception, match="cleaned up"):
            bench.intake.read()
        assert (bench.unanswered(), bench.accepted(), bench.rejections()) == (1, [], [])
        retention.end_removal("crm-1", "staging", 0)
        answer_what_is_pending(bench)
        assert bench.accepted() == [("crm-1", False)]


def answer_what_is_pending(bench: IntakeBench) -> None:
    """Let the time pass after which a request that was taken and not answered is taken again."""
    for entry in bench.client.xpending_range("bulkverify:uploads", "intake", "-", "+", 10):
        bench.client.xclaim("bulkverify:uploads", "intake", "other", 0, [entry["message_id"]], idle=10**6)
    assert bench.intake.read() == 1


def test_what_a_trial_of_the_storage_left_goes_when_its_process_must_be_gone(cleaner: Cleaner) -> None:
    """A process that is killed while it tries the storage leaves objects that belong to nobody after a week."""
    for name, days in (("probes/a1/x", 7.1), ("probes/b2/x", 6.9), ("probes/c3/x", 30.0)):
        cleaner.storage.create(name, b"0")
        grow_old(cleaner.storage, name, days)
    assert cleaner.remove_leftovers() == 2
    assert list(cleaner.storage.list()) == ["probes/b2/x"]
    assert removed(cleaner, "leftover") == 2
