"""A scrape is cheap however much there is, ends in time whatever Redis does, and is what Prometheus likes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest

from tests.builders.records import a_part, an_upload, stored
from tests.builders.scraped import exporter_settings, get, scrape
from worker.core.states import PartState
from worker.exporter.server import REDIS_SECONDS_MAX, Exporter
from worker.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from config.settings import Settings
    from worker.store.store import Store

PROVIDERS = {"main": "ipqs", "spare": "whoisxml"}
PROMTOOL = shutil.which("promtool")
#: What is left for all but waiting for Redis, seconds.
OWN_SECONDS = 1.0
#: States in which the parts of a crowd are.
STATES = (PartState.PENDING, PartState.SUBMITTED, PartState.FINISHED, PartState.COLLECTED)


@pytest.fixture
def settings(redis_url: str, broker_url: str, tmp_path: Path) -> Settings:
    """Settings on empty databases."""
    return exporter_settings(redis_url, broker_url, tmp_path)


def crowd(store: Store, parts: int) -> None:
    """One upload with so many parts, in all states."""
    upload_id = f"list-of-{parts}"
    known = {"account": "main", "finished_at": 1_700_000_000.0}
    found = [a_part(upload_id, index, STATES[index % len(STATES)], **known) for index in range(parts)]  # type: ignore[arg-type]  # passed through
    stored(store, an_upload(upload_id, account="main", parts_total=parts), *found)


def commands_of_a_scrape(exporter: Exporter, store: Store) -> int:
    """How many commands one scrape sends, with the one that asks for their number."""
    before = store.client.info("stats")["total_commands_processed"]
    scrape(exporter)
    return int(store.client.info("stats")["total_commands_processed"] - before)


def test_the_commands_of_a_scrape_do_not_grow_with_what_is_there(settings: Settings, store: Store) -> None:
    """A thousand more parts in the same states cost not one command more."""
    with Exporter(settings, PROVIDERS) as exporter:
        crowd(store, len(STATES))
        # The first one also opens connections.
        scrape(exporter)
        few = commands_of_a_scrape(exporter, store)
        crowd(store, 1_000)
        assert commands_of_a_scrape(exporter, store) == few


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed; Debian's package prometheus has it")
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "with work"])
def test_promtool_finds_nothing_to_say(settings: Settings, store: Store, *, empty: bool) -> None:
    """Names, types, units and help texts of all that is served keep Prometheus's conventions."""
    if not empty:
        crowd(store, 8)
    with Exporter(settings, PROVIDERS) as exporter:
        text = get(exporter, "/metrics").text + _page_of_a_process()
    checked = subprocess.run(
        [PROMTOOL or "", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)


def _page_of_a_process() -> str:
    """What one process has counted, as the exporter would show it."""
    metrics = Metrics()
    metrics.reporter("ipqs", "main").call_finished("list", "2xx", 0.5)
    metrics.stage_finished("submit", provider="ipqs", account="main", kind="email", seconds=4)
    metrics.decided("hold", provider="ipqs", account="main", kind="email", reason="throttled")
    metrics.looks("ipqs", "main", "running")
    metrics.logged("started", "info")
    return generate_latest(metrics.registry).decode()


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of something that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def test_a_redis_that_accepts_and_never_answers_is_waited_for_so_long(hanging: str, tmp_path: Path) -> None:
    """A scrape gives up on each database in time and serves the rest; so does the look at whether all is ready."""
    settings = exporter_settings(f"{hanging}/0", f"{hanging}/1", tmp_path)
    with Exporter(settings, PROVIDERS) as exporter:
        began = time.monotonic()
        page = scrape(exporter)
        assert time.monotonic() - began < 2 * REDIS_SECONDS_MAX + OWN_SECONDS
        assert page.value("redis_up", database="state") == page.value("redis_up", database="broker") == 0
        assert page.value("reconcile_period_seconds") == settings.reconcile_period_seconds
        assert get(exporter, "/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert get(exporter, "/healthz").status_code == HTTPStatus.OK


def test_a_redis_that_is_not_there_costs_no_time(tmp_path: Path) -> None:
    """Where nothing listens the scrape says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = exporter_settings(f"redis://127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/1", tmp_path)
    with Exporter(settings, PROVIDERS) as exporter:
        began = time.monotonic()
        page = scrape(exporter)
        assert time.monotonic() - began < OWN_SECONDS
        assert {sample.value for sample in page.samples("redis_up")} == {0}
        assert get(exporter, "/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert get(exporter, "/healthz").status_code == HTTPStatus.OK


def test_it_listens_where_it_is_told_and_nowhere_else(settings: Settings) -> None:
    """By default only this host reaches the metrics, at the port that is set."""
    with Exporter(settings, PROVIDERS) as exporter:
        host, port = exporter.address
        assert (host, settings.metrics_host) == ("127.0.0.1", "127.0.0.1")
        # Would be taken if it listened at every address of this host.
        socket.create_server(("127.0.0.2", port)).close()
