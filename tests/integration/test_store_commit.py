"""A decision is written whole, once, or not at all."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

import pytest

from tests.builders.core_records import LEASE_SECONDS, an_account, attempted
from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_lossy_store, a_store, everything
from worker.core import account as accounts
from worker.core import part as parts
from worker.core import upload as uploads
from worker.core.change import Acknowledgement, Change, Claim, Entry, Event
from worker.core.states import PartState, UploadState
from worker.store.errors import Full, Stale, StoreUnavailable, Taken
from worker.store.store import Limits, Store

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNING = an_upload(state=UploadState.RUNNING, parts_total=2)


def full_change() -> Change:
    """A change with everything that a change can have, of a part that is not in the store yet."""
    part = a_part(state=PartState.SUBMITTED, remote_id="77", rows_done=5)
    return dataclasses.replace(
        parts.change("everything", part),
        accounts=(an_account(echo_proven=True),),
        reason="because",
        details={"rows": 5},
        events=(Event("progress", "list-1", {"rows_done": 5}),),
        ledger={Entry.RESERVED: 100, Entry.COMMITTED: 100},
        counters={("parts", "submitted"): 1},
        claims=(Claim("ipqs-main", "77", "list-1/0"),),
        rejected={"reason": "because"},
    )


def test_everything_of_a_decision_is_written(store: Store) -> None:
    """Records, indexes, claims, timeline, event, ledger and counters of one change are all there after it."""
    store.commit(full_change())
    part = store.part("list-1/0")
    assert part is not None
    assert (part.version, part.state, part.rows_done) == (1, PartState.SUBMITTED, 5)
    assert store.account("ipqs-main", "ipqs").echo_proven
    assert store.part_counts("list-1") == {PartState.SUBMITTED: 1}
    assert store.part_of_remote("ipqs-main", "77") == "list-1/0"
    assert [(entry["decision"], entry["reason"], entry["part"]) for entry in store.timeline("list-1")] == [
        ("everything", "because", 0)
    ]
    assert store.client.hgetall(store.key("ledger", "ipqs-main")) == {"reserved": "100", "committed": "100"}
    assert store.client.hgetall(store.key("counters")) == {"parts|submitted": "1"}
    assert store.client.xlen(store.key("events")) == store.client.xlen(store.key("rejected")) == 1
    assert store.client.smembers(store.key("active", "ipqs-main")) == {"list-1/0"}


@pytest.mark.parametrize("losses", [1, 2, 3])
def test_a_write_whose_reply_was_lost_is_written_once(redis_url: str, losses: int) -> None:
    """A commit repeated with the same nonce is recognised: nothing of it happens twice."""
    store = a_lossy_store(redis_url, losses)
    store.commit(full_change())
    part = store.part("list-1/0")
    assert part is not None
    assert part.version == 1
    assert len(store.timeline("list-1")) == 1
    assert store.client.hgetall(store.key("ledger", "ipqs-main")) == {"reserved": "100", "committed": "100"}
    assert store.client.hgetall(store.key("counters")) == {"parts|submitted": "1"}
    assert store.client.hget(store.key("upload", "list-1", "parts"), "rows_done") == "5"
    assert store.client.xlen(store.key("events")) == 1
    store.client.close()


def test_a_write_that_nobody_confirms_is_reported_as_unknown(redis_url: str) -> None:
    """When every reply is lost the caller is told that it cannot be known, and the write happened at most once."""
    store = a_lossy_store(redis_url, losses=4)
    with pytest.raises(StoreUnavailable):
        store.commit(full_change())
    assert len(store.timeline("list-1")) == 1
    store.client.close()


def test_a_lost_reply_followed_by_anothers_write_is_stale_and_not_written_again(redis_url: str, store: Store) -> None:
    """A record that moved on before the repetition stays as it moved on; the write before it counts once."""
    upload = an_upload()
    second = uploads.later(upload.written(), 1.0, "second", "", 2.0)
    lossy = a_lossy_store(redis_url, 1, meanwhile=lambda: store.commit(second))
    with pytest.raises(Stale):
        lossy.commit(uploads.later(upload, 1.0, "first", "", 2.0))
    found = store.upload("list-1")
    assert found is not None
    assert (found.version, found.reason) == (2, "second")
    assert [entry["reason"] for entry in store.timeline("list-1")] == ["first", "second"]
    lossy.client.close()


def test_a_version_that_was_written_anew_is_not_the_one_that_was_read(store: Store) -> None:
    """When Redis is set back, another write may make the same version: what was decided on the first one is stale."""
    store.commit(uploads.later(an_upload(), 1.0, "first", "", 2.0))
    read = store.upload("list-1")
    written = an_upload().written(store.commit(uploads.later(an_upload("list-2"), 1.0, "first", "", 2.0)).txn)
    store.client.flushdb()
    store.commit(uploads.later(an_upload(), 1.0, "anew", "", 2.0))
    store.commit(uploads.later(an_upload("list-2"), 1.0, "anew", "", 2.0))
    before = everything(store)
    assert read is not None
    for known in (read, written.model_copy(update={"upload_id": "list-2"})):
        with pytest.raises(Stale):
            store.commit(uploads.later(known, 1.0, "second", "", 2.0))
    assert everything(store) == before


@pytest.mark.parametrize("behind", [-1, 1, 5])
def test_a_stale_version_writes_nothing_at_all(store: Store, behind: int) -> None:
    """A decision on a record that is not the present one changes no key, also when only one of its records is stale."""
    store.commit(dataclasses.replace(full_change(), uploads=(RUNNING,), parts=(a_part(),)))
    before = everything(store)
    present, elsewhere = {"version": 1}, {"version": 1 + behind}
    for of_upload, of_part in ((present, elsewhere), (elsewhere, present)):
        uploads_, parts_ = (RUNNING.model_copy(update=of_upload),), (a_part().model_copy(update=of_part),)
        with pytest.raises(Stale):
            store.commit(dataclasses.replace(full_change(), accounts=(), uploads=uploads_, parts=parts_))
        assert everything(store) == before


def test_a_new_record_is_not_written_over_an_old_one(store: Store) -> None:
    """A record with version 0 is only written where there is none."""
    store.commit(uploads.accept(RUNNING.model_copy(update={"state": UploadState.ACCEPTED}), "1-0"))
    before = everything(store)
    with pytest.raises(Stale):
        store.commit(uploads.accept(an_upload(account="other"), "2-0"))
    assert everything(store) == before


def test_a_remote_id_of_another_part_is_refused_and_nothing_written(store: Store) -> None:
    """A claim on an id that belongs to another part writes nothing and names the owner."""
    stored(store, RUNNING, a_part(index=0), a_part(index=1))
    store.commit(parts.submitted(a_part(index=0).written(), "77", "answer", 1.0, look_at=2.0))
    before = everything(store)
    with pytest.raises(Taken) as caught:
        store.commit(parts.submitted(a_part(index=1).written(), "77", "answer", 1.0, look_at=2.0))
    assert (caught.value.remote_id, caught.value.part_id) == ("77", "list-1/0")
    assert everything(store) == before


def test_the_same_remote_id_on_another_account_is_another_job(store: Store) -> None:
    """Ids are unique within an account only."""
    stored(store, RUNNING, a_part(index=0), a_part(index=1, account="second"))
    for part in (a_part(index=0), a_part(index=1, account="second")):
        store.commit(parts.submitted(part.written(), "77", "answer", 1.0, look_at=2.0))
    assert store.part_of_remote("second", "77") == "list-1/1"


@pytest.mark.parametrize(("active_max", "intents_max", "full"), [(1, None, "active"), (5, 1, "intents")])
def test_a_full_account_refuses_and_nothing_is_written(
    store: Store, active_max: int, intents_max: int | None, full: str
) -> None:
    """A reservation beyond a limit of the account changes no key and says which limit it was."""
    stored(store, RUNNING, a_part(index=0), a_part(index=1))

    def reserve(index: int) -> Change:
        part = a_part(index=index).written()
        return parts.reserve(part, "h", 1.0, LEASE_SECONDS, active_max=active_max, intents_max=intents_max)

    store.commit(reserve(0))
    before = everything(store)
    with pytest.raises(Full) as caught:
        store.commit(reserve(1))
    assert full in str(caught.value)
    assert everything(store) == before


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Do everything at the same time; the results, and the errors of the store in their place."""
    ready, results = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        ready.wait()
        try:
            results.append(act())
        except (Stale, Full, Taken) as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_workers_that_take_one_part_exactly_one_has_it(store: Store) -> None:
    """Of ten workers that lease the same record, nine are told that it moved on."""
    stored(store, RUNNING, a_part())
    part = a_part().written()
    change = parts.reserve(part, "h", 1.0, LEASE_SECONDS, active_max=5, intents_max=None)
    results = at_once(*[lambda: store.commit(change)] * 10)
    assert sum(isinstance(result, Stale) for result in results) == 9
    assert store.client.hget(store.key("ledger", "ipqs-main"), "reserved") == "100"


def test_of_many_parts_that_want_the_last_places_only_as_many_get_one(store: Store) -> None:
    """Ten parts reserved at the same time on an account with three places: exactly three are in."""
    stored(store, RUNNING, *(a_part(index=index) for index in range(10)))
    changes = [
        parts.reserve(a_part(index=i).written(), "h", 1.0, LEASE_SECONDS, active_max=3, intents_max=None)
        for i in range(10)
    ]
    results = at_once(*[lambda change=change: store.commit(change) for change in changes])
    assert sum(isinstance(result, Full) for result in results) == 7
    assert store.client.scard(store.key("active", "ipqs-main")) == 3


def test_a_part_with_an_attempt_occupies_its_account_until_the_outcome_is_known(store: Store) -> None:
    """An open attempt counts as active and as an intent; a known job as active only; a finished one as neither."""
    stored(store, RUNNING, a_part())
    found: list[tuple[int, int]] = []
    part = a_part().written()
    steps: list[Callable[[], Change]] = [
        lambda: parts.reserve(part, "h", 1.0, LEASE_SECONDS, active_max=5, intents_max=1),
        lambda: parts.quarantine(attempted().model_copy(update={"version": 2}), 1.0, "outcome_unknown", ""),
        lambda: parts.submitted(part, "77", "list", 1.0, look_at=2.0),
        lambda: parts.change("finished", part.moved(PartState.FINISHED, 1.0)),
    ]
    for step in steps:
        change = step()
        store.commit(change)
        part = change.parts[0].written()
        active, intents = (int(store.client.scard(store.key(name, "ipqs-main"))) for name in ("active", "intents"))
        found.append((active, intents))
    assert found == [(1, 1), (1, 1), (1, 0), (0, 0)]


def test_an_answered_request_is_answered_once(store: Store) -> None:
    """A rejection repeated by whoever took the request over writes no second event and no second rejection."""
    store.client.xgroup_create(store.key("uploads"), "intake", id="0", mkstream=True)
    entry = store.client.xadd(store.key("uploads"), {"request": "{"})
    store.client.xreadgroup("intake", "one", {store.key("uploads"): ">"})
    reject = Change(
        "reject",
        "",
        "",
        acknowledge=Acknowledgement(str(entry)),
        rejected={"reason": "x"},
        events=(Event("rejected", ""),),
    )
    store.commit(reject)
    before = everything(store)
    store.commit(reject)
    assert everything(store) == before
    assert store.client.xlen(store.key("rejected")) == store.client.xlen(store.key("events")) == 1
    assert store.client.xlen(store.key("uploads")) == 0


def test_account_records_of_two_workers_do_not_overwrite_each_other(store: Store) -> None:
    """Two pauses decided on the same account record: the second one is stale."""
    pause = accounts.pause(an_account(), 1.0, "throttled", 60.0)
    store.commit(pause)
    with pytest.raises(Stale):
        store.commit(accounts.echo_proven(an_account()) or pause)
    assert store.account("ipqs-main", "ipqs").calls_pause.reason == "throttled"


def test_what_people_read_is_bounded(redis_url: str) -> None:
    """Timeline, events and rejections keep the newest entries and no more than about their limit."""
    store = a_store(redis_url, Limits(timeline_entries=5, events_entries=50, rejected_entries=50))
    for number in range(400):
        event = Event("progress", "list-1", {"n": number})
        store.commit(Change("look", "list-1", "a", details={"n": number}, events=(event,), rejected={"n": str(number)}))
    assert [entry["details"]["n"] for entry in store.timeline("list-1")] == [395, 396, 397, 398, 399]
    for stream in ("events", "rejected"):
        # The server trims whole nodes of its streams, of a hundred entries each.
        assert 50 <= store.client.xlen(store.key(stream)) <= 200
    store.client.close()
