"""What alerts look at, read from a real Redis: leases, results at risk, oldest messages, processes, Redis's safety."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import redis

from tests.builders.records import a_part, an_upload, stored
from tests.builders.scraped import exporter_settings, scrape
from worker.broker.sorted_set import DELAYED_KEYS, NAMESPACE
from worker.core.change import Change
from worker.core.rows import RowState
from worker.core.states import PartState
from worker.exporter.server import Exporter
from worker.host.embedded import EmbeddedServer
from worker.providers.whoisxml import RETENTION_SECONDS
from worker.store.pulse import FORGOTTEN_SECONDS, Pulse, Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from config.settings import Settings
    from worker.core.records import PartRecord
    from worker.store.store import Store

PROVIDERS = {"main": "ipqs", "spare": "whoisxml"}
MAIN = {"provider": "ipqs", "account": "main"}
SPARE = {"provider": "whoisxml", "account": "spare"}
#: Epoch seconds at which the records of these tests begin.
BIRTH = 1_700_000_000.0


@pytest.fixture
def settings(redis_url: str, broker_url: str, tmp_path: Path) -> Settings:
    """Settings on empty databases."""
    return exporter_settings(redis_url, broker_url, tmp_path)


@pytest.fixture
def exporter(settings: Settings) -> Iterator[Exporter]:
    """A running exporter."""
    with Exporter(settings, PROVIDERS) as running:
        yield running


def committed(store: Store, *parts: PartRecord) -> list[PartRecord]:
    """Write parts as they are; as they stand in the store then."""
    store.commit(Change("written", parts[0].upload_id, parts[0].account, parts=parts, details=None))
    return [part.model_copy(update={"version": part.version + 1, "txn": ""}) for part in parts]


def a_finished(index: int, finished_at: float) -> PartRecord:
    """A part of the spare account whose job the provider has finished."""
    of_spare: dict[str, object] = {"account": "spare", "provider": "whoisxml", "remote_finished_at": finished_at}
    return a_part("spare-list", index, PartState.FINISHED, now=BIRTH, **of_spare)


def test_leases_are_counted_while_they_last_and_after(exporter: Exporter, store: Store) -> None:
    """A lease is held until its end, expired after it, and gone once an outcome is written."""
    now = store.now()
    parts = [a_part(index=index, account="main", now=now) for index in range(3)]
    stored(store, an_upload(account="main", parts_total=3), *parts)
    first, second = (part.model_copy(update={"version": 1}) for part in parts[:2])
    committed(store, first.leased("a worker", now, 600))
    (expired,) = committed(store, second.leased("a worker", now - 100, 60))
    page = scrape(exporter)
    assert page.value("leases", **MAIN, state="held") == 1
    assert page.value("leases", **MAIN, state="expired") == 1
    assert page.value("leases", **SPARE, state="held") == 0
    committed(store, expired.moved(PartState.HELD, now))
    assert scrape(exporter).value("leases", **MAIN, state="expired") == 0


def test_the_result_that_goes_first_is_told_until_it_is_here(exporter: Exporter, store: Store) -> None:
    """Of finished jobs whose results are not fetched, also those in quarantine, the one that ends first is shown."""
    early = a_finished(0, BIRTH - 500)
    quarantined = a_finished(1, BIRTH - 900).model_copy(update={"state": PartState.QUARANTINED, "lane": None})
    stored(store, an_upload("spare-list", account="spare", provider="whoisxml", parts_total=2), early, quarantined)
    page = scrape(exporter)
    assert page.value("uncollected_oldest_timestamp_seconds", **SPARE) == BIRTH - 900
    assert page.value("uncollected_end_timestamp_seconds", **SPARE) == BIRTH - 900 + RETENTION_SECONDS
    assert page.value("result_retention_seconds", **SPARE) == RETENTION_SECONDS
    given_up = quarantined.model_copy(update={"version": 1}).moved(PartState.FAILED, BIRTH)
    committed(store, given_up)
    assert scrape(exporter).value("uncollected_oldest_timestamp_seconds", **SPARE) == BIRTH - 500
    committed(store, early.model_copy(update={"version": 1}).moved(PartState.COLLECTED, BIRTH))
    assert not scrape(exporter).samples("uncollected_end_timestamp_seconds")


def test_where_results_are_kept_nothing_is_at_risk(exporter: Exporter, store: Store) -> None:
    """At a provider that keeps results there is an oldest one to fetch, and no end."""
    stored(store, an_upload(account="main"), a_part(state=PartState.FINISHED, account="main", finished_at=BIRTH))
    page = scrape(exporter)
    assert page.value("uncollected_oldest_timestamp_seconds", **MAIN) == BIRTH
    assert page.value("uncollected_end_timestamp_seconds", **MAIN) is None
    assert page.value("result_retention_seconds", **MAIN) is None


def test_the_oldest_message_of_each_box_is_told(exporter: Exporter, broker_url: str) -> None:
    """Since when the first ready and the first dead message wait, and when the first delayed one is due."""
    ready = [json.dumps({"options": {"ready_at": at}}) for at in (BIRTH, BIRTH + 5)]
    with redis.Redis.from_url(broker_url) as client:
        client.rpush(f"{NAMESPACE}:poll", "a", "b")
        client.hset(f"{NAMESPACE}:poll.msgs", mapping=dict(zip(["a", "b"], ready, strict=True)))
        client.zadd(f"{NAMESPACE}:submit.XQ", {"d": (BIRTH + 9) * 1000, "e": (BIRTH + 8) * 1000})
        client.zadd(DELAYED_KEYS[0], {"f": (BIRTH + 60) * 1000})
    page = scrape(exporter)
    oldest = {(s.labels["queue"], s.labels["box"]): s.value for s in page.samples("queue_oldest_timestamp_seconds")}
    assert oldest == {("poll", "ready"): BIRTH, ("submit", "dead"): BIRTH + 8}
    assert page.value("delayed_due_timestamp_seconds") == BIRTH + 60


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"options": {}}', '{"options": {"ready_at": "soon"}}'])
def test_a_strange_message_has_no_age(exporter: Exporter, broker_url: str, text: str) -> None:
    """A message that is not ours, or that is just being fetched, is counted, and has no time."""
    with redis.Redis.from_url(broker_url) as client:
        client.rpush(f"{NAMESPACE}:poll", "a")
        client.hset(f"{NAMESPACE}:poll.msgs", mapping={"a": text})
    page = scrape(exporter)
    assert page.value("queue_messages", queue="poll", box="ready") == 1
    assert page.value("state_exporter_errors_total", source="broker") == 0
    assert not page.samples("queue_oldest_timestamp_seconds")


def test_processes_are_there_as_long_as_they_are_heard(exporter: Exporter, store: Store) -> None:
    """Each role has its processes and the last time that one was heard; never and no more are told apart."""
    page = scrape(exporter)
    for role in Role:
        assert (
            page.value("processes", process=role),
            page.value("process_last_seen_timestamp_seconds", process=role),
        ) == (
            0,
            0,
        )
    began = store.now()
    for name in ["one", "two"]:
        Pulse(store, Role.WORKER, name).beat()
    page = scrape(exporter)
    assert page.value("processes", process="worker") == 2
    assert page.value("processes", process="intake") == 0
    assert (page.value("process_last_seen_timestamp_seconds", process="worker") or 0) >= began
    store.client.zadd(store.key("alive", "worker"), {"one": began - 3600, "two": began - 7200})
    page = scrape(exporter)
    assert page.value("processes", process="worker") == 0
    assert page.value("process_last_seen_timestamp_seconds", process="worker") == pytest.approx(began - 3600, abs=0.01)


def test_a_pulse_is_written_only_so_often_and_forgets_the_dead(store: Store) -> None:
    """Beating again at once writes nothing; processes that were not heard for a day are forgotten."""
    key = store.key("alive", "poller")
    store.client.zadd(key, {"long gone": store.now() - FORGOTTEN_SECONDS - 1})
    pulse = Pulse(store, Role.POLLER, "one")
    pulse.beat()
    first = store.client.zrange(key, 0, -1, withscores=True)
    pulse.beat()
    assert store.client.zrange(key, 0, -1, withscores=True) == first
    assert [member[0] for member in first] == ["one"]


def test_what_redis_does_with_records_is_told(exporter: Exporter, store: Store) -> None:
    """A server that appends every write and evicts nothing is safe; one that may evict is seen at the next scrape."""
    page = scrape(exporter)
    names = ("redis_append_only", "redis_disk_writes_ok", "redis_noeviction", "redis_evicted_keys_total")
    assert [page.value(name) for name in names] == [1, 1, 1, 0]
    store.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert scrape(exporter).value("redis_noeviction") == 0
    finally:
        store.client.config_set("maxmemory-policy", "noeviction")


def test_what_accounts_can_do_begins_at_zero(exporter: Exporter) -> None:
    """Before anything happened each outcome of the configured accounts is there: its first one is an increase."""
    page = scrape(exporter)
    for kind, provider in (("email", "ipqs"), ("proxy", "ipqs"), ("email", "whoisxml")):
        at = {"provider": provider, "kind": kind}
        assert {page.value("rows_total", **at, disposition=state) for state in (*RowState, "sent", "reused")} == {0}
        assert {page.value("uploads_ended_total", **at, outcome=end) for end in ("completed", "failed")} == {0}
        assert page.value("requests_total", **at, outcome="accepted") == 0
    assert page.value("requests_total", kind="email", outcome="rejected") == 0
    assert page.value("rows_total", provider="whoisxml", kind="proxy", disposition="missing") is None
    assert page.value("reconcile_sweeps_total", **SPARE, outcome="account_mismatch") == 0
    assert page.value("reconcile_last_complete_timestamp_seconds", **SPARE) == 0
    assert page.value("requests_rejected_total", reason="conflict") == 0
    assert page.value("reconcile_period_seconds") == 900


def test_an_evicting_server_shows_how_many_keys_it_has_lost(tmp_path: Path) -> None:
    """Where keys are thrown away for want of memory, they are counted."""
    with EmbeddedServer(tmp_path / "home") as server:
        with redis.Redis.from_url(server.url()) as client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
            deadline = time.monotonic() + 30
            number = 0
            while not client.info("stats")["evicted_keys"] and time.monotonic() < deadline:
                number += 1
                client.set(f"filling:{number}", b"x" * 10_000)
        settings = exporter_settings(server.url(), server.url(1), tmp_path)
        with Exporter(settings, PROVIDERS) as exporter:
            assert (scrape(exporter).value("redis_evicted_keys_total") or 0) > 0
