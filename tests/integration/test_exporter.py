"""The exporter over HTTP: a real Redis, real files of real processes, pages parsed as Prometheus parses them."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
import redis
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from config.settings import Settings
from tests.builders.deadline import wait_until
from tests.builders.records import a_part, an_upload, stored
from tests.builders.scraped import exporter_settings, get, scrape
from worker.broker.sorted_set import DELAYED_KEYS, FORMER_DELAYED_KEYS, NAMESPACE
from worker.core.budget import budget_day
from worker.core.change import Change, Entry
from worker.core.drift.classes import DriftClass
from worker.core.records import AccountRecord
from worker.core.states import PartState, UploadState
from worker.core.sweep import Sweep
from worker.core.values import Pause
from worker.exporter.errors import CannotListen
from worker.exporter.families import STATE_FAMILIES
from worker.exporter.server import REQUESTS_MAX, Exporter
from worker.host.embedded import EmbeddedServer
from worker.metric_families import PROCESS_FAMILIES
from worker.store.census import WAITING_LANES
from worker.store.findings import Kept, Replacement, replace_findings
from worker.store.sweeps import write_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from prometheus_client import Metric

    from worker.core.records import PartRecord, UploadRecord
    from worker.store.store import Store

#: An upload's id that is easy to find in a page in which it must not be.
UPLOAD_ID = "secret-list-of-may"
PROVIDERS = {"main": "ipqs", "spare": "whoisxml"}
BUDGETS_ROWS = {"spare": 1_000}
MAIN = {"provider": "ipqs", "account": "main"}
#: Epoch seconds at which the records of these tests begin.
BIRTH = 1_700_000_000.0
#: How long Prometheus waits for a scrape by default, seconds.
PROMETHEUS_SECONDS = 10

#: What a process does that counts and ends.
COUNTING_PROCESS = """
from worker.metrics import Metrics
metrics = Metrics()
metrics.looks("ipqs", "main", "running", 3)
metrics.stage_finished("submit", provider="ipqs", account="main", kind="email", seconds=4)
"""


def an_own_upload(state: UploadState = UploadState.RUNNING, **fields: object) -> UploadRecord:
    """An upload of the main account."""
    known: dict[str, object] = {"upload_id": UPLOAD_ID, "account": "main", "now": BIRTH}
    return an_upload(state=state, **(known | fields))  # type: ignore[arg-type]  # passed through


def an_own_part(state: PartState, index: int = 0, **fields: object) -> PartRecord:
    """A part of that upload; each begins a second after the one before."""
    known: dict[str, object] = {"account": "main", "now": BIRTH + index}
    return a_part(UPLOAD_ID, index, state, **(known | fields))  # type: ignore[arg-type]  # passed through


@pytest.fixture
def settings(redis_url: str, broker_url: str, tmp_path: Path) -> Settings:
    """Settings on empty databases, with any free port."""
    return exporter_settings(redis_url, broker_url, tmp_path)


@pytest.fixture
def exporter(settings: Settings) -> Iterator[Exporter]:
    """A running exporter."""
    with Exporter(settings, PROVIDERS, BUDGETS_ROWS) as running:
        yield running


def test_an_empty_installation_shows_what_is_configured_at_zero(exporter: Exporter) -> None:
    """Before anything happened every configured account has its series, at zero, and everything is up."""
    page = scrape(exporter)
    assert page.value("redis_up", database="state") == page.value("redis_up", database="broker") == 1
    for account, provider in PROVIDERS.items():
        at = {"account": account, "provider": provider}
        assert [page.value("ledger_credits_total", **at, entry=entry) for entry in Entry] == [0] * len(Entry)
        assert {page.value("timers_overdue", **at, lane=lane) for lane in WAITING_LANES} == {0}
        assert {page.value("account_paused", **at, what=what) for what in ("calls", "spending")} == {0}
        assert page.value("account_budget_used_rows", **at) == 0
        assert page.value("account_budget_rows", **at) == BUDGETS_ROWS.get(account)
        assert page.value("open_attempts", **at) == page.value("active_jobs", **at) == 0
        assert page.value("credits_balance", **at) is None
    assert page.value("drift_detected_total", class_="duplicate_remote") == 0
    assert page.value("intake_backlog_entries") == 0
    assert page.value("intake_oldest_timestamp_seconds") is None
    assert len(page.samples("build_info")) == 1
    assert (page.value("redis_memory_bytes") or 0) > 100_000


def test_uploads_and_parts_are_counted_by_state(exporter: Exporter, store: Store) -> None:
    """Each record is counted in its present state only, other states of the same kind are zero, ends have no age."""
    first = an_own_part(PartState.PENDING, 0)
    stored(store, an_own_upload(), first, an_own_part(PartState.PENDING, 1), an_own_part(PartState.COLLECTED, 2))
    held = first.model_copy(update={"version": 1}).moved(PartState.HELD, BIRTH + 100)
    store.commit(Change("hold", UPLOAD_ID, "main", parts=(held,)))
    page = scrape(exporter)
    states = {s.labels["state"]: s.value for s in page.samples("parts")}
    assert states == dict.fromkeys(map(str, PartState), 0) | {"held": 1, "pending": 1, "collected": 1}
    assert page.value("uploads", **MAIN, kind="email", state="running") == 1
    assert page.value("uploads", **MAIN, kind="email", state="completed") == 0
    ages = {(s.labels["record"], s.labels["state"]): s.value for s in page.samples("oldest_timestamp_seconds")}
    assert ages == {("upload", "running"): BIRTH, ("part", "held"): BIRTH + 100, ("part", "pending"): BIRTH + 1}


def test_work_that_nobody_looked_at_is_overdue(exporter: Exporter, store: Store, settings: Settings) -> None:
    """A work item counts as overdue once it is due for longer than the grace, in its own lane."""
    now = store.now()
    soon = an_own_upload(due_at=now + 600)
    late = an_own_part(PartState.PENDING, 0, due_at=now - settings.rearm_grace_seconds - 1)
    stored(store, soon, late, an_own_part(PartState.PENDING, 1, due_at=now + 600))
    page = scrape(exporter)
    assert page.value("timers_overdue", **MAIN, lane="submit") == 1
    assert page.value("timers_overdue", **MAIN, lane="deliver") == 0


@pytest.mark.parametrize(
    ("state", "credits_reserved", "attempts"),
    [(PartState.INTENT, 100, 1), (PartState.QUARANTINED, 100, 1), (PartState.SUBMITTED, 0, 0)],
)
def test_open_attempts_and_active_jobs(
    exporter: Exporter, store: Store, state: PartState, credits_reserved: int, attempts: int
) -> None:
    """An attempt is open while its credits are reserved, also in quarantine; it and a submitted part occupy a job."""
    stored(store, an_own_upload(), an_own_part(state, credits_reserved=credits_reserved))
    page = scrape(exporter)
    assert (page.value("open_attempts", **MAIN), page.value("active_jobs", **MAIN)) == (attempts, 1)


def test_ledger_and_outcomes_become_counters_with_named_labels(exporter: Exporter, store: Store) -> None:
    """What changes have counted in Redis is exported under the labels it was counted for, also an empty label."""
    counters: dict[tuple[str, ...], int] = {
        ("uploads", "ipqs", "email", "failed"): 1,
        ("rows", "ipqs", "email", "folded"): 40,
        ("rows", "ipqs", "email", "empty"): 5,
        ("requests", "", "email", "rejected"): 2,
        ("parts", "submitted"): 3,
        ("drift", "duplicate_remote"): 4,
    }
    ledger = {Entry.RESERVED: 100, Entry.COMMITTED: 60}
    store.commit(Change("counted", "", "main", details=None, counters=counters, ledger=ledger))
    store.commit(Change("counted", "", "main", details=None, counters=counters, ledger=ledger))
    page = scrape(exporter)
    assert page.value("uploads_ended_total", provider="ipqs", kind="email", outcome="failed") == 2
    assert page.value("rows_total", provider="ipqs", kind="email", disposition="folded") == 80
    assert page.value("credits_saved_total", provider="ipqs", kind="email", reason="folded") == 80
    saved = {sample.labels["reason"] for sample in page.samples("credits_saved_total")}
    assert saved == {"folded", "withheld", "reused"}
    assert page.value("requests_total", kind="email", outcome="rejected") == 4
    assert page.value("part_events_total", event="submitted") == 6
    assert page.value("drift_detected_total", class_="duplicate_remote") == 8
    assert page.value("ledger_credits_total", **MAIN, entry="reserved") == 200
    assert page.value("ledger_credits_total", **MAIN, entry="committed") == 120
    assert page.value("state_exporter_errors_total", source="counters") == 0


def test_a_counter_of_another_version_is_told_and_nothing_else_suffers(exporter: Exporter, store: Store) -> None:
    """An outcome this program does not know is an error in sight; the known ones are exported all the same."""
    counters = {("rows", "ipqs", "email", "sent"): 9, ("moonshine", "ipqs"): 1, ("drift", "a", "b"): 1}
    store.commit(Change("counted", "", "main", details=None, counters=counters))
    page = scrape(exporter)
    assert page.value("rows_total", provider="ipqs", kind="email", disposition="sent") == 9
    assert {sample.value for sample in page.samples("credits_saved_total")} == {0}
    assert page.value("state_exporter_errors_total", source="counters") == 1
    assert not any("moonshine" in name for name in page.families)


def test_a_paused_account_is_shown_with_its_reason_until_the_pause_ends(exporter: Exporter, store: Store) -> None:
    """A pause is 1 with a reason while it lasts and 0 without one after it; the balance is as last told."""
    account = AccountRecord(
        account="main",
        provider="ipqs",
        spending_pause=Pause(reason="out_of_credits", until=store.now() + 3600),
        credits_balance=12,
        credits_at=BIRTH,
    )
    store.commit(Change("pause", "", "main", accounts=(account,), details=None))
    page = scrape(exporter)
    assert page.value("account_paused", **MAIN, what="spending", reason="out_of_credits") == 1
    assert page.value("account_paused", **MAIN, what="calls", reason="") == 0
    assert page.value("credits_balance", **MAIN) == 12
    assert page.value("credits_balance_timestamp_seconds", **MAIN) == BIRTH

    over = account.model_copy(
        update={"version": 1, "spending_pause": Pause(reason="out_of_credits", until=store.now() - 1)}
    )
    store.commit(Change("resume", "", "main", accounts=(over,), details=None))
    page = scrape(exporter)
    paused = [s for s in page.samples("account_paused") if s.labels["account"] == "main"]
    assert [(s.labels["what"], s.labels["reason"], s.value) for s in paused] == [("calls", "", 0), ("spending", "", 0)]


def test_what_is_used_of_an_accounts_day_is_shown(exporter: Exporter, store: Store) -> None:
    """Rows that are reserved or committed today count, those of an earlier day do not."""
    day = budget_day(store.now())
    parts = [a_part(index=n, account="main", credits_committed=100, budget_day=day - n) for n in (0, 1)]
    stored(store, an_upload(account="main", parts_total=2), *parts)
    assert scrape(exporter).value("account_budget_used_rows", **MAIN) == 100


def test_an_account_that_is_not_configured_any_more_is_still_counted(exporter: Exporter, store: Store) -> None:
    """Records of an account outside the configuration appear, with the provider of the account's own record."""
    stray = an_own_upload(UploadState.ATTENTION, account="retired")
    account = AccountRecord(account="retired", provider="ipqs")
    store.commit(Change("born", UPLOAD_ID, "retired", uploads=(stray,), accounts=(account,)))
    at = {"provider": "ipqs", "account": "retired"}
    page = scrape(exporter)
    assert page.value("uploads", **at, kind="email", state="attention") == 1
    assert page.value("active_jobs", **at) == 0


def test_a_record_of_a_later_version_is_an_error_and_the_rest_is_shown(exporter: Exporter, store: Store) -> None:
    """An account that only a later version can read is an error in sight, and costs nothing but its own figures."""
    store.client.set(store.key("account", "main"), '{"account": "main", "provider": "ipqs", "schema_version": 99}')
    page = scrape(exporter)
    assert page.value("redis_up", database="state") == 1
    assert page.value("state_exporter_errors_total", source="state") == 1
    assert page.value("state_exporter_errors_total", source="broker") == 0
    assert page.value("active_jobs", provider="ipqs", account="main") == 0
    assert page.samples("credits_balance") == []
    assert page.value("delayed_messages") == 0


def test_a_state_of_a_later_version_is_shown_by_its_word(exporter: Exporter, store: Store) -> None:
    """Records in a state that this program does not know are counted like all others."""
    store.client.sadd(store.key("indexes"), "upload:main:email:parked")
    store.client.zadd(store.key("index", "upload:main:email:parked"), {"list-1": 1_800_000_000.0})
    page = scrape(exporter)
    at = {"provider": "ipqs", "account": "main", "kind": "email"}
    assert page.value("uploads", **at, state="parked") == 1
    assert page.value("uploads", **at, state="running") == 0


def test_unanswered_requests_are_the_backlog(exporter: Exporter, store: Store) -> None:
    """Requests in the stream are counted, and the oldest one's time is told to the second."""
    for _ in range(3):
        store.client.xadd("bulkverify:uploads", {"request": "{}"})
    page = scrape(exporter)
    assert page.value("intake_backlog_entries") == 3
    assert abs((page.value("intake_oldest_timestamp_seconds") or 0) - store.now()) < 30


def test_retention_is_counted_and_a_paused_intake_is_shown(exporter: Exporter, store: Store) -> None:
    """Purged uploads and removed objects are counters from the start; the pause is 1 while it lasts."""
    page = scrape(exporter)
    assert page.value("uploads_purged_total", outcome="failed") == 0
    assert page.value("storage_objects_removed_total", reason="attempt") == 0
    assert page.value("intake_paused") == 0
    store.client.hset("bulkverify:counters", mapping={"purged|failed": 2, "removed|attempt": 3})
    store.client.set("bulkverify:intake:paused", "1")
    page = scrape(exporter)
    assert page.value("uploads_purged_total", outcome="failed") == 2
    assert page.value("storage_objects_removed_total", reason="attempt") == 3
    assert page.value("intake_paused") == 1


def test_messages_are_counted_by_queue_and_box(exporter: Exporter, broker_url: str) -> None:
    """Ready, in flight and dead messages of a queue, and all delayed ones, are read from dramatiq's own keys."""
    with redis.Redis.from_url(broker_url) as client:
        client.rpush(f"{NAMESPACE}:poll", "a", "b")
        client.hset(f"{NAMESPACE}:poll.msgs", mapping={"a": "{}", "b": "{}", "c": "{}"})
        client.zadd(f"{NAMESPACE}:poll.XQ", {"d": 1.0})
        client.zadd(DELAYED_KEYS[0], {"e": 1.0, "f": 2.0})
        client.zadd(FORMER_DELAYED_KEYS[0], {"g": 3.0})
    page = scrape(exporter)
    boxes = {s.labels["box"]: s.value for s in page.samples("queue_messages") if s.labels["queue"] == "poll"}
    assert boxes == {"ready": 2, "inflight": 1, "dead": 1}
    assert page.value("queue_messages", queue="submit", box="ready") == 0
    assert page.value("delayed_messages") == 3


def busy(store: Store, broker_url: str) -> None:
    """Fill both databases so that every metric of the state has a sample."""
    with redis.Redis.from_url(broker_url) as client:
        client.zadd(DELAYED_KEYS[0], {"a": 1.0})
        client.zadd(f"{NAMESPACE}:poll.XQ", {"b": 1.0})
    ending = a_part("ending", 0, PartState.FINISHED, account="spare", provider="whoisxml", finished_at=BIRTH)
    stored(store, an_upload("ending", account="spare", provider="whoisxml"), ending)
    account = AccountRecord(account="main", provider="ipqs", credits_balance=5, credits_at=BIRTH)
    stored(store, an_own_upload(), an_own_part(PartState.PENDING))
    words = [("uploads", "ipqs", "email", "completed"), ("rows", "ipqs", "email", "folded")]
    counters: dict[tuple[str, ...], int] = dict.fromkeys([*words, ("requests", "ipqs", "email", "accepted")], 1)
    store.commit(Change("counted", "", "main", details=None, counters=counters, accounts=(account,)))
    store.client.xadd("bulkverify:uploads", {"request": "{}"})
    swept = Sweep(began_at=BIRTH, complete=True, pages=1, jobs={"finished": 2}, outcome="complete", seconds=1.5)
    write_sweep(store, "main", swept, "ipqs")
    replace_findings(store, "main", Kept(), Replacement((), {}))


def test_the_remote_list_is_shown_as_the_last_complete_walk_saw_it(exporter: Exporter, store: Store) -> None:
    """Jobs by status come from complete walks only; an incomplete one leaves the time of the last complete one."""
    write_sweep(store, "main", Sweep(began_at=BIRTH, complete=True, pages=2, jobs={"finished": 51}, orphans=1))
    page = scrape(exporter)
    assert page.value("remote_jobs", **MAIN, remote_status="finished") == 51
    assert page.value("remote_jobs", **MAIN, remote_status="running") == 0
    assert page.value("remote_orphan_jobs", **MAIN) == 1
    write_sweep(store, "main", Sweep(began_at=BIRTH + 60, pages=1, jobs={"finished": 50}))
    page = scrape(exporter)
    assert not page.samples("remote_jobs")
    assert page.value("reconcile_last_timestamp_seconds", **MAIN) == BIRTH + 60
    assert page.value("reconcile_last_complete_timestamp_seconds", **MAIN) == BIRTH


def test_a_search_leaves_what_the_last_sweep_came_to(exporter: Exporter, store: Store) -> None:
    """A list that is not believed stays so until a sweep, not any walk, shows another one."""
    sweep = Sweep(began_at=BIRTH, complete=True, pages=3, outcome="account_mismatch", seconds=2.5, unseen=4)
    write_sweep(store, "main", sweep)
    write_sweep(store, "main", Sweep(began_at=BIRTH + 60, complete=True, pages=1))
    page = scrape(exporter)
    assert page.value("reconcile_account_mismatch", **MAIN) == 1
    assert page.value("reconcile_duration_seconds", **MAIN) == 2.5
    assert page.value("reconcile_unseen_jobs", **MAIN) == 4
    write_sweep(store, "main", Sweep(began_at=BIRTH + 120, complete=True, pages=3, outcome="complete"))
    assert scrape(exporter).value("reconcile_account_mismatch", **MAIN) == 0


def test_every_class_of_drift_is_shown_from_its_first_sweep_on(exporter: Exporter, store: Store) -> None:
    """Open findings by class, those without any as 0; counters of all classes are there before anything happened."""
    assert scrape(exporter).value("drift_repaired_total", **{"class": "stale_local"}) == 0
    assert not scrape(exporter).samples("drift_open_findings")
    counters: dict[tuple[str, ...], int] = {
        ("drift_repaired", "stale_local"): 2,
        ("drift_repair_seconds", "stale_local"): 90,
    }
    opened = {DriftClass.MISSING_REMOTE: 3}
    replace_findings(store, "main", Kept(), Replacement((), opened, counters))
    page = scrape(exporter)
    assert page.value("drift_open_findings", **MAIN, **{"class": "missing_remote"}) == 3
    assert page.value("drift_open_findings", **MAIN, **{"class": "stale_local"}) == 0
    assert page.value("drift_repaired_total", **{"class": "stale_local"}) == 2
    assert page.value("drift_repair_seconds_total", **{"class": "stale_local"}) == 90


def run_counting_process(settings: Settings) -> None:
    """Run a process that counts with its files in the metrics folder, and wait for its end."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(settings.metrics_dir)}
    subprocess.run([sys.executable, "-c", COUNTING_PROCESS], env=environment, check=True, timeout=60)


@pytest.mark.parametrize(
    ("accept", "parse"),
    [("text/plain", parse_text), ("application/openmetrics-text; version=1.0.0", parse_openmetrics)],
    ids=["text", "openmetrics"],
)
def test_every_documented_metric_is_served_with_its_type_and_help(
    exporter: Exporter, store: Store, settings: Settings, accept: str, parse: Callable[[str], Iterator[Metric]]
) -> None:
    """Both formats parse, hold every documented metric with the documented type, help and labels, and no others."""
    busy(store, settings.broker_url or "")
    run_counting_process(settings)
    answer = get(exporter, "/metrics", Accept=accept)
    assert answer.headers["Content-Type"].startswith(accept.partition(";")[0])
    found = {family.name: family for family in parse(answer.text)}
    documented = {family.full_name.removesuffix("_total"): family for family in (*STATE_FAMILIES, *PROCESS_FAMILIES)}
    silent = {f.full_name.removesuffix("_total") for f in PROCESS_FAMILIES} - set(found)
    assert {name: family.type for name, family in documented.items() if name not in silent} == {
        name: family.type for name, family in found.items()
    }
    for name, family in found.items():
        assert family.documentation == documented[name].text
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(documented[name].labels)
    assert UPLOAD_ID not in answer.text


def test_figures_of_ended_processes_add_up_and_stay(exporter: Exporter, settings: Settings) -> None:
    """Counters and histograms of two ended processes are summed, in one file each, and no process id is a label."""
    for _ in range(2):
        run_counting_process(settings)
    scrape(exporter)
    page = scrape(exporter)
    assert page.value("polls_total", **MAIN, outcome="running") == 6
    assert page.value("stage_duration_seconds_count", **MAIN, kind="email", stage="submit") == 2
    assert page.value("stage_duration_seconds_bucket", **MAIN, kind="email", stage="submit", le="5.0") == 2
    assert page.value("stage_duration_seconds_bucket", **MAIN, kind="email", stage="submit", le="2.0") == 0
    assert sorted(file.name for file in settings.metrics_dir.glob("*.db")) == ["counter_ended.db", "histogram_ended.db"]
    assert all("pid" not in s.labels for family in page.families.values() for s in family.samples)


@pytest.mark.parametrize(
    "content",
    [b"\x01", struct.pack("ii", 4096, 0), struct.pack("iii8sdd", 40, 0, 8, b"nonsense", 1, 0) + bytes(40)],
    ids=["a byte", "cut off", "no name"],
)
def test_one_damaged_file_costs_no_other_figures(exporter: Exporter, settings: Settings, content: bytes) -> None:
    """A damaged file is an error in sight, and the other processes' figures are served."""
    run_counting_process(settings)
    (settings.metrics_dir / "counter_1.db").write_bytes(content)
    (settings.metrics_dir / "counter_2.db").write_bytes(b"")
    page = scrape(exporter)
    assert page.value("polls_total", **MAIN, outcome="running") == 3
    assert page.value("state_exporter_errors_total", source="processes") == 1


def test_without_a_folder_of_metrics_the_state_is_served(exporter: Exporter, settings: Settings) -> None:
    """A folder that no process has made yet is no error."""
    settings.metrics_dir.rmdir()
    page = scrape(exporter)
    assert page.value("redis_up", database="state") == 1
    assert page.value("state_exporter_errors_total", source="processes") == 0


def test_health_and_readiness(exporter: Exporter) -> None:
    """The process is alive and ready, other paths do not exist, and a query string changes nothing."""
    assert (get(exporter, "/healthz").status_code, get(exporter, "/readyz").status_code) == (200, 200)
    assert get(exporter, "/metrics?name=x").status_code == HTTPStatus.OK
    answer = get(exporter, "/secret")
    assert (answer.status_code, answer.text) == (404, "try /metrics, /healthz or /readyz\n")


def test_clients_that_say_nothing_cannot_pile_up(exporter: Exporter) -> None:
    """Beyond the limit of open requests a connection is closed unanswered; when one ends, the next is answered."""
    silent = [socket.create_connection(exporter.address) for _ in range(REQUESTS_MAX)]
    with pytest.raises(requests.ConnectionError):
        get(exporter, "/healthz")
    for connection in silent:
        connection.close()

    def answers() -> bool:
        try:
            return get(exporter, "/healthz").ok
        except requests.ConnectionError:
            return False

    wait_until(answers, what="an answer after the silent clients have gone")


def test_a_frozen_redis_delays_a_scrape_by_a_bounded_time(tmp_path: Path) -> None:
    """While Redis is frozen, and after it is gone, a scrape answers in time and says so; it recovers by itself."""
    with EmbeddedServer(tmp_path / "home") as server:
        settings = Settings(home=tmp_path, redis_url=server.url(), metrics_port=0)
        with Exporter(settings, PROVIDERS) as exporter:
            assert scrape(exporter).value("redis_up", database="state") == 1
            os.kill(server.pid or 0, signal.SIGSTOP)
            try:
                began = time.monotonic()
                page = scrape(exporter)
                took_seconds = time.monotonic() - began
                assert get(exporter, "/healthz").status_code == HTTPStatus.OK
            finally:
                os.kill(server.pid or 0, signal.SIGCONT)
            assert took_seconds < PROMETHEUS_SECONDS
            assert page.value("redis_up", database="state") == page.value("redis_up", database="broker") == 0
            assert page.value("state_exporter_errors_total", source="state") == 1
            assert page.samples("uploads") == page.samples("queue_messages") == []
            assert scrape(exporter).value("redis_up", database="state") == 1

            server.stop()
            assert scrape(exporter).value("redis_up", database="broker") == 0
            answer = get(exporter, "/readyz")
            assert (answer.status_code, answer.text) == (503, "no answer from the databases: state, broker\n")


def test_a_taken_port_is_an_error_that_says_what_to_set(exporter: Exporter, settings: Settings) -> None:
    """A second exporter on the same port does not start, names the setting, and can be stopped."""
    taken = settings.model_copy(update={"metrics_port": exporter.address[1]})
    second = Exporter(taken, PROVIDERS)
    with pytest.raises(CannotListen, match=r"Address already in use.*BULKVERIFY_METRICS_PORT"):
        second.start()
    second.stop()


def test_a_stopped_exporter_frees_its_port(settings: Settings) -> None:
    """After `stop` nothing listens, and the port can be taken again at once."""
    with Exporter(settings, PROVIDERS) as first:
        port = first.address[1]
        assert get(first, "/healthz").text == "ok\n"
    with Exporter(settings.model_copy(update={"metrics_port": port}), PROVIDERS) as second:
        assert second.address[1] == port
        assert get(second, "/healthz").text == "ok\n"


def test_without_a_redis_url_there_is_nothing_to_export(tmp_path: Path) -> None:
    """An exporter is not made without the URL of a server."""
    with pytest.raises(ValueError, match="on_server"):
        Exporter(Settings(home=tmp_path), PROVIDERS)
