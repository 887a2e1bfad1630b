"""What `bulkverify doctor` says of services that answer oddly: a provider's clock, and whatever listens for scrapes."""

from __future__ import annotations

import socket
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from config.settings import Settings
from tests.builders.health import an_account
from tests.builders.scraped import exporter_settings
from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.cli.doctor.configuration import provider_clock_checks
from worker.cli.doctor.exporter import PAGE_BYTES_MAX, exporter_checks
from worker.cli.doctor.server import version_and_clock_checks
from worker.cli.health.check import Check, State
from worker.exporter.server import Exporter

if TYPE_CHECKING:
    from pathlib import Path

    from worker.store.store import Store


def dated(date: str) -> Scripted:
    """An answer with exactly this `Date`, or without any."""
    line = f"Date: {date}\r\n" if date else ""
    return Scripted(raw=f"HTTP/1.0 404 Not Found\r\n{line}Content-Length: 0\r\n\r\n".encode())


def clock_of(base_url: str, store: Store, home: Path) -> Check:
    """What is said of the clock at an account's provider."""
    account = an_account(provider="ipqs", base_url=f"{base_url}/api/with/a/path", download_hosts=["127.0.0.1"])
    (check,) = provider_clock_checks(Settings(home=home), {"main": account, "spare": account}, store)
    return check


@pytest.mark.parametrize(
    ("apart_seconds", "state", "words"),
    [(0, State.OK, "0 s apart"), (-200, State.OK, "3 min apart"), (3_600, State.PROBLEM, "apart")],
)
def test_the_clock_of_a_provider(apart_seconds: int, state: State, words: str, store: Store, tmp_path: Path) -> None:
    """It is held against Redis's; how far it may be off is a setting. Only the root is asked for, without the key."""
    with ScriptedServer(dated(formatdate(store.now() + apart_seconds, usegmt=True))) as server:
        check = clock_of(server.base_url, store, tmp_path)
    assert (check.state, check.name) == (state, "provider")
    assert words in check.text
    (asked,) = server.heard
    assert (asked.method, asked.target) == ("HEAD", "/")
    assert "k" * 20 not in str(asked.headers)


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_provider_that_tells_no_time_is_not_compared(date: str, store: Store, tmp_path: Path) -> None:
    """That is nobody's fault, and told."""
    with ScriptedServer(dated(date)) as server:
        check = clock_of(server.base_url, store, tmp_path)
    assert (check.state, "tells no time" in check.text) == (State.OK, True)


def test_a_provider_that_does_not_answer_has_an_unknown_clock(store: Store, tmp_path: Path) -> None:
    """Whether it is right cannot be told, and why not."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    check = clock_of(f"http://127.0.0.1:{port}", store, tmp_path)
    assert (check.state, "ConnectionError" in check.text) == (State.UNKNOWN, True)


def test_this_machine_and_its_redis_are_of_one_time(store: Store) -> None:
    """The version is one that is supported, and the clocks agree, also in a store whose time is shifted."""
    store.clock_offset_seconds = 86_400.0
    assert [check.state for check in version_and_clock_checks(store)] == [State.OK, State.OK]


def at_port(port: int, home: Path) -> list[Check]:
    """What is said of whatever listens there."""
    return list(exporter_checks(Settings(home=home, metrics_host="0.0.0.0", metrics_port=port)))


def test_an_exporter_whose_redis_is_away_is_a_problem(tmp_path: Path) -> None:
    """It answers, and says itself that alerts know nothing."""
    settings = exporter_settings("redis://127.0.0.1:1/0", "redis://127.0.0.1:1/1", tmp_path)
    with Exporter(settings, {}) as exporter:
        checks = at_port(exporter.address[1], tmp_path)
    assert [(check.name, check.state) for check in checks] == [("ready", State.PROBLEM), ("metrics", State.PROBLEM)]
    assert "no answer from the databases: state, broker" in checks[0].text


def test_something_else_at_the_port_is_no_exporter(tmp_path: Path) -> None:
    """Another program's pages, endless ones too, are read up to a limit and are not taken for metrics."""
    piece = b"something_else 1\n" * 4_096
    endless = (piece for _ in range(2 * PAGE_BYTES_MAX // len(piece)))
    with ScriptedServer(Scripted("welcome"), Scripted(endless)) as server:
        checks = at_port(server.port, tmp_path)
    assert [(check.name, check.state) for check in checks] == [("ready", State.OK), ("metrics", State.PROBLEM)]


def test_nothing_at_the_port_is_a_warning(tmp_path: Path) -> None:
    """The exporter may be elsewhere; from here no alert can fire."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (check,) = at_port(port, tmp_path)
    assert (check.name, check.state) == ("answers", State.WARNING)
    assert f"http://127.0.0.1:{port}" in check.text
