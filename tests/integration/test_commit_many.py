"""Many decisions go to Redis in one round trip, and each is written whole or not at all, whatever the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_lossy_store
from worker.core.observe import Seen, observed
from worker.core.schedule import PollPolicy
from worker.core.states import PartState, UploadState
from worker.store.commit import Written
from worker.store.errors import Stale, StoreUnavailable, Unreadable

if TYPE_CHECKING:
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.store.store import Store

POLICY = PollPolicy(5.0, 900.0, 0.1)


def submitted(store: Store, parts: int) -> list[PartRecord]:
    """An upload whose parts wait for their jobs."""
    now = store.now()
    records = [a_part("u", n, PartState.SUBMITTED, now=now, remote_id=str(n), submitted_at=now) for n in range(parts)]
    stored(store, an_upload("u", UploadState.RUNNING, now=now, parts_total=parts), *records)
    return list(store.parts([part.part_id for part in records]))


def finished(store: Store, parts: list[PartRecord]) -> list[Change]:
    """The decisions that the parts' jobs have finished."""
    return [observed(part, Seen("finished"), store.now(), POLICY) for part in parts]


def states(store: Store) -> list[str]:
    """Where the upload's parts are."""
    upload = store.upload("u")
    assert upload is not None
    return [str(part.state) for part in store.parts_of(upload)]


def test_all_are_written(store: Store) -> None:
    """Every decision takes place, as if it were written alone."""
    answers = store.commit_many(finished(store, submitted(store, 5)))
    assert [type(answer) for answer in answers] == [Written] * 5
    assert states(store) == ["finished"] * 5


def test_nothing_to_write_is_no_call(store: Store) -> None:
    """An empty list of decisions is written at once."""
    assert store.commit_many([]) == []


def test_one_that_is_stale_or_damaged_costs_the_others_nothing(store: Store) -> None:
    """The answers come in order, and only what could be written was."""
    changes = finished(store, submitted(store, 4))
    store.commit(changes[1])
    store.client.set(store.key("part", "u/2"), "no record at all")
    answers = store.commit_many(changes)
    assert [type(answer) for answer in answers] == [Written, Stale, Unreadable, Written]
    assert [part.state for part in store.parts(["u/0", "u/1", "u/3"])] == ["finished"] * 3


def test_a_lost_reply_writes_nothing_twice(redis_url: str, store: Store) -> None:
    """The whole lot is sent again, and each write is recognised as its own."""
    changes = finished(store, submitted(store, 3))
    lossy = a_lossy_store(redis_url, losses=1)
    before = store.timeline("u")
    answers = lossy.commit_many(changes)
    lossy.client.close()
    assert [type(answer) for answer in answers] == [Written] * 3
    assert len(store.timeline("u")) == len(before) + 3


def test_a_server_that_takes_no_writes_is_an_outage(store: Store) -> None:
    """Where it cannot be known what was written, the caller is told so."""
    changes = finished(store, submitted(store, 3))
    used = store.client.info("memory")["used_memory"]
    store.client.config_set("maxmemory", max(used // 2, 1))
    try:
        with pytest.raises(StoreUnavailable):
            store.commit_many(changes)
    finally:
        store.client.config_set("maxmemory", 0)
