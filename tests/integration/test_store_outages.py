"""A server that is gone, full, or a replica: the caller is told, and nothing was written by halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.builders.records import a_part, an_upload, stored
from tests.builders.stores import a_store, everything
from worker.core.change import Acknowledgement, Change, Event
from worker.core.states import UploadState
from worker.core.urgency import Urgency
from worker.host.embedded import EmbeddedServer
from worker.store.errors import StoreUnavailable, Unreadable
from worker.store.lines import Lines
from worker.store.looking import in_flight
from worker.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RUNNING = an_upload(state=UploadState.RUNNING, parts_total=1, now=1.0)
#: One call of each kind that writes.
WRITES: list[Callable[[Store], object]] = [
    lambda store: stored(store, RUNNING.written(), a_part(now=1.0).written()),
    lambda store: store.claim_overdue(1.0, 60.0, 10),
    lambda store: store.offer_poll("ipqs-main", None, 1.0),
    lambda store: store.take_token("ipqs-main", 1.0, 4, Urgency.WORK),
    lambda store: store.tick("walk", 60.0),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Yield a server whose settings may be changed."""
    with EmbeddedServer(tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def store(server: EmbeddedServer) -> Iterator[Store]:
    """Yield a store with an upload that is overdue."""
    store = a_store(server.url())
    store.client.flushdb()
    stored(store, RUNNING, a_part(now=1.0))
    yield store
    store.client.close()


@pytest.mark.parametrize("write", WRITES)
def test_a_full_server_refuses_and_keeps_what_it_has(store: Store, write: Callable[[Store], object]) -> None:
    """Without memory nothing is written, nothing is half written, and reading goes on."""
    before = everything(store)
    store.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            write(store)
        assert store.upload("list-1") is not None
    finally:
        store.client.config_set("maxmemory", 0)
    assert everything(store) == before
    write(store)


@pytest.mark.parametrize("write", WRITES)
def test_a_replica_refuses_like_a_server_that_is_gone(store: Store, write: Callable[[Store], object]) -> None:
    """After a failover the old master takes no writes: the caller waits, as in any outage."""
    store.client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(StoreUnavailable):
            write(store)
    finally:
        store.client.replicaof("NO", "ONE")
    write(store)


def test_a_request_is_answered_whole_or_not_at_all_on_a_full_server(store: Store) -> None:
    """A rejection on a server without memory either writes everything or leaves the request where it is."""
    stream = store.key("uploads")
    store.client.xgroup_create(stream, "intake", id="0", mkstream=True)
    entry = store.client.xadd(stream, {"request": "{"})
    store.client.xreadgroup("intake", "one", {stream: ">"})
    reject = Change("reject", "", "", acknowledge=Acknowledgement(str(entry)), events=(Event("rejected", ""),))
    store.client.config_set("maxmemory", 1)
    try:
        store.commit(reject)
        answered = True
    except StoreUnavailable:
        answered = False
    finally:
        store.client.config_set("maxmemory", 0)
    assert store.client.xlen(store.key("events")) == int(answered)
    assert store.client.xlen(stream) == int(not answered)


def test_a_server_that_is_gone_is_told_as_such(tmp_path: Path) -> None:
    """Every call on a server that has ended raises the one error of an outage."""
    with EmbeddedServer(tmp_path) as ended:
        store = a_store(ended.url())
    reads: list[Callable[[Store], object]] = [lambda store: store.upload("list-1"), lambda store: store.now()]
    for call in WRITES + reads:
        with pytest.raises(StoreUnavailable):
            call(store)
    store.client.close()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"schema_version": 99, "state": "parked"}', "reads up to 1. Upgrade this program"),
        ("{}", "is damaged"),
        ("not JSON", "is damaged"),
        ("[7]", "is damaged"),
        ('{"account": 7}', "is damaged"),
        ('{"schema_version": "two"}', "is damaged"),
    ],
)
def test_a_record_nobody_can_read_is_told_as_such(store: Store, text: str, told: str) -> None:
    """A damaged record, or one of a later program, raises an error that says what to do, and not its content."""
    store.client.set(store.key("upload", "list-1"), text)
    with pytest.raises(Unreadable, match=told) as caught:
        store.upload("list-1")
    assert text not in str(caught.value)


def test_a_server_that_is_gone_is_told_in_the_same_words_by_whoever_asks(tmp_path: Path) -> None:
    """A script, a command, a line and many keys at once: each outage is the same error, shown without the library's."""
    store = Store(redis.Redis(unix_socket_path=str(tmp_path / "nobody"), retry=Retry(NoBackoff(), 0)))
    asks: list[Callable[[], object]] = [
        lambda: store.take_token("ipqs-main", 1.0, 4, Urgency.WORK),
        store.now,
        Lines(store).accounts,
        lambda: in_flight(store, ["ipqs-main"]),
    ]
    told = set()
    for ask in asks:
        with pytest.raises(StoreUnavailable) as caught:
            ask()
        assert caught.value.__suppress_context__
        told.add(str(caught.value))
    assert told == {"Redis cannot be reached, did not answer in time or takes no writes (ConnectionError)."}
