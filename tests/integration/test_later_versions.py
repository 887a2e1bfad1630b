"""What a later version wrote: no step touches it, fails for it or spends for it, and the rest goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from producers.contract import REQUEST_FIELD, UPLOADS_STREAM
from tests.builders.line import Line, running_line
from tests.builders.records import a_part, an_upload, stored
from worker.actors import collect, deliver, poll, prepare, reconcile, submit
from worker.actors.attempts import attempt_name, outcome_name
from worker.broker.sorted_set import DELAYED_KEYS
from worker.core.states import Lane, PartState, UploadState
from worker.store.errors import Later
from worker.wiring import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from worker.store.store import Store

ACCOUNT = "ipqs-main"
#: Steps by lane.
RUN: dict[Lane, Any] = {
    Lane.PREPARE: prepare.run,
    Lane.SUBMIT: submit.run,
    Lane.COLLECT: collect.run,
    Lane.DELIVER: deliver.run,
}
#: A record of each lane that is due, by its key.
DUE = {
    Lane.PREPARE: "upload:new",
    Lane.SUBMIT: "part:old/0",
    Lane.COLLECT: "part:old/2",
    Lane.DELIVER: "upload:old",
}


@pytest.fixture
def line(tmp_path: Path, redis_url: str, broker_url: str) -> Iterator[Line]:
    """Yield a line whose steps run only when a test calls them, with something due in every lane."""
    with running_line(tmp_path, redis_url, broker_url, start=False) as line:
        store = line.plant.context.store
        now, service = store.now(), line.plant.context.accounts[ACCOUNT].service
        sent: dict[str, Any] = {"now": now, "service": service, "submitted_at": now}
        stored(store, an_upload("new", now=now))
        stored(
            store,
            an_upload("old", UploadState.RUNNING, now=now, parts_total=3),
            a_part("old", 0, now=now),
            a_part("old", 1, PartState.SUBMITTED, remote_id="1", **sent),
            a_part("old", 2, PartState.FINISHED, remote_id="2", **sent),
        )
        yield line


def raw(store: Store, name: str) -> str:
    """A record as it lies in Redis."""
    client: Any = store.client
    return str(client.get(store.key(name)))


def later(store: Store, name: str, **fields: object) -> str:
    """Make a record one of a later version, or write one; its text."""
    known = json.loads(raw(store, name)) if store.client.exists(store.key(name)) else {}
    text = json.dumps(known | {"schema_version": 2, "lane": None} | fields)
    store.client.set(store.key(name), text)
    return text


def counted(line: Line, queue: str) -> float:
    """How often something of a queue was left to a newer process."""
    labels = {"queue": queue, "reason": "later"}
    return line.plant.context.metrics.registry.get_sample_value("bulkverify_stale_messages_total", labels) or 0.0


@pytest.mark.parametrize("lane", DUE)
def test_a_record_of_a_later_version_is_not_touched_and_stays_due(line: Line, lane: Lane) -> None:
    """The step ends without a word in the record; the item is still in its lane, and what was left is counted."""
    store = line.plant.context.store
    text = later(store, DUE[lane])
    item = DUE[lane].partition(":")[2]
    RUN[lane](line.plant.context, item, 0)
    assert raw(store, DUE[lane]) == text
    assert item in store.due(ACCOUNT, lane, float("inf"), 10)
    assert counted(line, lane) == 1
    assert not line.ipqs.calls


@pytest.mark.parametrize(
    ("lane", "needed"),
    [
        (Lane.SUBMIT, "upload:old"),
        (Lane.SUBMIT, "account:ipqs-main"),
        (Lane.COLLECT, "account:ipqs-main"),
        (Lane.DELIVER, "part:old/0"),
    ],
)
def test_work_that_needs_a_record_of_a_later_version_is_put_off(line: Line, lane: Lane, needed: str) -> None:
    """However often it comes up, it waits longer, keeps its state, counts no crash and spends nothing."""
    store = line.plant.context.store
    if lane is Lane.DELIVER:
        # Every part is at its end, so that the upload would be delivered.
        ends = [part.model_copy(update={"state": PartState.COLLECTED, "lane": None}) for part in line.parts("old")]
        upload = line.upload("old")
        stored(store, upload, *ends)
    later(store, needed)
    item = DUE[lane].partition(":")[2]
    for _ in range(line.settings.crashes_max + 1):
        RUN[lane](line.plant.context, item, json.loads(raw(store, DUE[lane])).get("epoch", 0))
    record = json.loads(raw(store, DUE[lane]))
    assert record["reason"] == "later"
    assert record.get("crashes", 0) == 0
    assert record["state"] in {"pending", "finished", "delivering"}
    assert record["due_at"] > store.now()
    assert "Upgrade this program" in record["message"]
    assert not line.ipqs.ledger
    decisions = line.decisions("old") if needed != "upload:old" else ["put_off"]
    assert decisions.count("put_off") == 1


def test_a_poll_looks_at_the_other_parts(line: Line) -> None:
    """One part of a later version costs the others of its account nothing, and does not make the poll spin."""
    store, now = line.plant.context.store, line.plant.context.store.now()
    service = line.plant.context.accounts[ACCOUNT].service
    readable = a_part("old", 0, PartState.SUBMITTED, now=now, remote_id="9", service=service, submitted_at=now)
    stored(store, line.upload("old"), readable.model_copy(update={"version": 1}))
    text = later(store, "part:old/1")
    line.plant.context.hint_poll(ACCOUNT, None)
    poll.run(line.plant.context, ACCOUNT, 1)
    looked = store.part("old/0")
    assert looked is not None
    assert looked.looks == 1
    assert raw(store, "part:old/1") == text
    client: Any = store.client
    assert client.zscore(store.key("due", ACCOUNT, Lane.POLL), "old/1") >= now + poll.LEFT_LOOK_SECONDS
    assert counted(line, "poll") == 1


def test_an_account_of_a_later_version_is_left_to_a_newer_poller(line: Line) -> None:
    """Nothing is asked of the provider, and the poll message goes on for others."""
    later(line.plant.context.store, "account:ipqs-main")
    line.plant.context.hint_poll(ACCOUNT, None)
    poll.run(line.plant.context, ACCOUNT, 1)
    reconcile.run(line.plant.context, ACCOUNT, 0)
    client: Any = line.plant.broker.client
    assert client.zcard(DELAYED_KEYS[0]) == 1
    assert not line.ipqs.calls
    assert (counted(line, "poll"), counted(line, "reconcile")) == (1, 1)


def test_an_outcome_of_a_later_version_is_never_followed_by_an_attempt(line: Line) -> None:
    """Storage remembers an attempt that Redis forgot, in words of a later version: the part is held, unspent."""
    context = line.plant.context
    upload_id = line.submit(line.file("list.csv", "email\none@example.com\n"), ACCOUNT, upload_id="one")
    prepare.run(context, upload_id, 0)
    (part,) = line.parts(upload_id)
    context.storage.create(attempt_name(part.token, 1), b"{}")
    context.storage.create(outcome_name(part.token, 1), b'{"schema_version": 2, "verdict": "taken"}')
    for _ in range(context.settings.crashes_max + 1):
        submit.run(context, part.part_id, line.parts(upload_id)[0].epoch)
    (part,) = line.parts(upload_id)
    assert (part.state, part.reason, part.credits_reserved) == (PartState.HELD, "later", 0)
    assert not line.ipqs.ledger


def test_a_request_about_an_upload_of_a_later_version_waits_for_a_newer_intake(line: Line) -> None:
    """It is neither answered nor lost, and the next request is answered."""
    later(line.plant.context.store, "upload:new")
    path = line.file("list.csv", "email\none@example.com\n")
    for upload_id in ("new", "next"):
        line.client.submit(path, account=ACCOUNT, kind="email", upload_id=upload_id)
    client: Any = line.plant.context.store.client
    line.intake.read()
    assert line.upload("next").state is UploadState.ACCEPTED
    ((_, fields),) = client.xrange(UPLOADS_STREAM)
    assert json.loads(fields[REQUEST_FIELD])["upload_id"] == "new"
    assert counted(line, "intake") == 1


def test_a_lane_of_a_later_version_does_not_stop_the_timekeeper(line: Line) -> None:
    """Work that waits where no actor of this program looks is passed over, and the rest is re-armed."""
    store: Any = line.plant.context.store
    store.client.zadd(store.key("due"), {f"{ACCOUNT}|archive": 1.0})
    store.client.zadd(store.key("due", ACCOUNT, "archive"), {"list-9": 1.0})
    store.clock_offset_seconds += 1_000.0
    assert line.timekeeper.rearm() == 5


def test_a_process_does_not_start_on_records_of_a_later_version(line: Line) -> None:
    """Start-up ends with what to do; a store that only this version has written is fine."""
    store = line.plant.context.store
    open_store(line.settings).client.close()
    assert store.schema_version() == 1
    store.client.set(store.key("schema"), 2)
    with pytest.raises(Later, match="schema version 2; this program reads up to 1"):
        open_store(line.settings)
