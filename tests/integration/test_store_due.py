"""What is due is handed out: in order, each item to one caller, and again when nothing came of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.builders.records import a_part, an_upload, stored
from worker.core import part as parts
from worker.core.change import lease_change
from worker.core.states import Lane, PartState, UploadState
from worker.store.store import Due, Store

if TYPE_CHECKING:
    from worker.core.records import PartRecord

GRACE_SECONDS, REARM_SECONDS, MOST = 10.0, 60.0, 500


def later(store: Store, seconds: float) -> Store:
    """The same store, so many seconds later."""
    return Store(store.client, clock_offset_seconds=seconds)


def claim(store: Store, most: int = MOST) -> list[Due]:
    """What a timekeeper claims."""
    return store.claim_overdue(GRACE_SECONDS, REARM_SECONDS, most)


def with_parts(store: Store, upload_id: str, *parts_: PartRecord, **fields: object) -> None:
    """Store a running upload, which is not due for an hour, with these parts."""
    now = store.now()
    stored(store, an_upload(upload_id, UploadState.RUNNING, now=now, due_at=now + 3_600, **fields), *parts_)


def pending(
    store: Store, upload_id: str, index: int, since: float, state: PartState = PartState.PENDING, **fields: object
) -> PartRecord:
    """A part that has been due since so many seconds ago."""
    return a_part(upload_id, index, state, now=store.now(), due_at=store.now() - since, **fields)


def test_what_is_due_first_comes_first(store: Store) -> None:
    """The items of a lane are given by the time at which they are due, and none that is due later."""
    with_parts(store, "a", *(pending(store, "a", index, since) for index, since in enumerate((5, 20, -30, 10))))
    assert store.due("ipqs-main", Lane.SUBMIT, store.now(), MOST) == ["a/1", "a/3", "a/0"]
    assert store.due("ipqs-main", Lane.SUBMIT, store.now(), 2) == ["a/1", "a/3"]


def test_nothing_is_overdue_within_the_grace(store: Store) -> None:
    """An item that has just become due belongs to the message that was sent for it."""
    with_parts(store, "a", pending(store, "a", 0, GRACE_SECONDS - 1))
    assert claim(store) == []
    assert claim(later(store, 2)) == [Due("ipqs-main", Lane.SUBMIT, "a/0")]


def test_an_overdue_item_is_claimed_once_in_a_period(store: Store) -> None:
    """After a claim nobody gets the item until the re-arm period and the grace are over; then it is claimed again."""
    with_parts(store, "a", pending(store, "a", 0, 100))
    assert len(claim(store)) == 1
    assert claim(later(store, REARM_SECONDS + GRACE_SECONDS - 1)) == []
    assert claim(later(store, REARM_SECONDS + GRACE_SECONDS + 1)) == [Due("ipqs-main", Lane.SUBMIT, "a/0")]


def test_many_timekeepers_claim_every_item_exactly_once(store: Store) -> None:
    """Eight callers at the same time share two hundred overdue items without a double and without a loss."""
    with_parts(store, "a", *(pending(store, "a", index, 100) for index in range(200)))
    ready, claimed = threading.Barrier(8), []

    def run() -> None:
        ready.wait()
        while found := claim(store, most=7):
            claimed.extend(found)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(due.item for due in claimed) == sorted(f"a/{index}" for index in range(200))


def test_a_claim_takes_no_more_than_it_can_send(store: Store) -> None:
    """The limit holds over all accounts and lanes together, and the rest is claimed next."""
    with_parts(store, "a", *(pending(store, "a", index, 100) for index in range(5)))
    with_parts(store, "b", *(pending(store, "b", index, 90, account="second") for index in range(5)), account="second")
    first, second = claim(store, most=6), claim(store, most=6)
    assert (len(first), len(second)) == (6, 4)
    assert len({due.item for due in first + second}) == 10


def test_an_account_with_many_overdue_items_does_not_starve_another(store: Store) -> None:
    """What was claimed goes to the end, so the next claim begins with the others."""
    with_parts(store, "a", *(pending(store, "a", index, 1_000) for index in range(20)))
    with_parts(store, "b", pending(store, "b", 0, 50, account="second"), account="second")
    claims = [claim(store, most=10) for _ in range(3)]
    assert Due("second", Lane.SUBMIT, "b/0") in claims[2]


def test_in_the_poll_lane_the_account_is_claimed(store: Store) -> None:
    """Any number of parts that wait for a look are one claim, because one message serves them all."""
    looks = [pending(store, "a", index, 100, state=PartState.SUBMITTED, remote_id=str(index)) for index in range(3)]
    with_parts(store, "a", *looks)
    assert claim(store) == [Due("ipqs-main", Lane.POLL, "")]
    assert claim(store) == []
    assert store.due("ipqs-main", Lane.POLL, store.now(), MOST) == ["a/0", "a/1", "a/2"]
    assert claim(later(store, REARM_SECONDS + GRACE_SECONDS + 1)) == [Due("ipqs-main", Lane.POLL, "")]


def test_a_leased_item_is_not_overdue_before_its_lease_has_ended(store: Store) -> None:
    """Whoever works on an item is left alone; a worker that has died is found when its lease is over."""
    with_parts(store, "a", pending(store, "a", 0, 100))
    part = store.part("a/0")
    assert part is not None
    store.commit(lease_change(part.leased("host:1", store.now(), 300.0)))
    assert claim(later(store, 300)) == []
    assert claim(later(store, 300 + GRACE_SECONDS + 1)) == [Due("ipqs-main", Lane.SUBMIT, "a/0")]


def test_a_decision_after_a_claim_sets_the_due_time_anew(store: Store) -> None:
    """A claim moves only the time of the next claim: what the record is due at stands once it is written again."""
    with_parts(store, "a", pending(store, "a", 0, 100))
    claim(store)
    part = store.part("a/0")
    assert part is not None
    store.commit(parts.hold(part, store.now(), "limit_active", store.now() + 5))
    assert store.next_due("ipqs-main", Lane.SUBMIT) == pytest.approx(store.now() + 5, abs=1)


def test_an_upload_is_due_when_one_of_its_parts_moves_no_more(store: Store) -> None:
    """The look at it does not hang on the message that asks for it; a part that still moves changes nothing."""
    now = store.now()
    with_parts(store, "a", pending(store, "a", 0, 0.0), pending(store, "a", 1, 0.0))
    first, second = store.parts(["a/0", "a/1"])
    store.commit(parts.hold(first, now, "own_rate", now + 3_600))
    assert claim(later(store, GRACE_SECONDS + 1)) == [Due("ipqs-main", Lane.SUBMIT, "a/1")]
    store.commit(parts.quarantine(second, now, "absent", "There is no such job."))
    assert claim(later(store, GRACE_SECONDS + 1)) == [Due("ipqs-main", Lane.DELIVER, "a")]


def test_what_has_left_its_lane_is_not_claimed(store: Store) -> None:
    """A part at its end or in quarantine is in no lane, and an empty lane is not looked at again; its upload is."""
    with_parts(store, "a", pending(store, "a", 0, 100), pending(store, "a", 1, 100))
    found = [part for part in (store.part("a/0"), store.part("a/1")) if part is not None]
    store.commit(parts.cancel(found[0], store.now()))
    store.commit(parts.quarantine(found[1], store.now(), "poison_part", ""))
    assert claim(later(store, 3_000)) == [Due("ipqs-main", Lane.DELIVER, "a")]
    assert store.next_due("ipqs-main", Lane.SUBMIT) is None
    assert store.client.zrange(store.key("due"), 0, -1) == ["ipqs-main|deliver"]


def test_periodic_work_is_done_by_one_process_of_all(store: Store) -> None:
    """In each period one of many askers does the work, and in the next period one again."""
    middle = 3_600 - store.now() % 3_600 + 1_800
    now, next_period = later(store, middle), later(store, middle + 3_600)
    assert [now.tick("walk", 3_600) for _ in range(5)] == [True, False, False, False, False]
    assert [next_period.tick("walk", 3_600) for _ in range(2)] == [True, False]
    assert now.tick("other", 3_600)
