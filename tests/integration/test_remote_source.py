"""Lists on other hosts, over real HTTP: read whole or refused with what to do, and nothing but the address is sent."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.builders.scripted_server import Scripted, ScriptedServer
from worker.rows.errors import InputError, RowsError, SourceUnavailable
from worker.rows.remote_source import open_remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BYTES_MAX = 1_000


def place_of(url: str) -> str:
    """Host and port of a URL."""
    return urlsplit(url).netloc


def read(url: str, *hosts: str, seconds_max: float = 5.0) -> bytes:
    """All that is at a URL, read from hosts that by default are its own."""
    with open_remote(url, hosts or (place_of(url),), seconds_max=seconds_max, bytes_max=BYTES_MAX) as file:
        return file.read()


def refusal(url: str, *hosts: str, seconds_max: float = 5.0) -> RowsError:
    """How a URL is refused; the error leads to no exception of a library."""
    with pytest.raises(RowsError) as caught:
        read(url, *hosts, seconds_max=seconds_max)
    assert caught.value.__context__ is None
    assert url in str(caught.value)
    return caught.value


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """A server that writes these bytes and hangs up; its base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_list_is_read_as_it_lies_there() -> None:
    """The bytes are those of the server, read with one request that carries nothing of ours."""
    with ScriptedServer().then(b"a@x.org\r\n", Content_Length="9", Set_Cookie="a=b") as server:
        assert read(f"{server.base_url}/lists/a%20b.csv") == b"a@x.org\r\n"
        (heard,) = server.heard
    assert (heard.method, heard.target) == ("GET", "/lists/a%20b.csv")
    assert set(heard.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"} & set(heard.headers)
    assert heard.headers["accept-encoding"] == "identity"


def test_nothing_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a .netrc of the process changes who is asked, and with what."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password hunter2\n")
    monkeypatch.setenv("NETRC", os.fspath(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with ScriptedServer().then(b"x", Content_Length="1") as server:
        assert read(f"{server.base_url}/list.csv") == b"x"
        assert "authorization" not in server.heard[0].headers


def test_chunks_are_put_together() -> None:
    """A list whose length is not known beforehand comes in chunks."""
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na@x\r\n5\r\n.org\n\r\n0\r\n\r\n"
    with raw_server(chunks) as base_url:
        assert read(f"{base_url}/list.csv") == b"a@x.org\n"


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ((), "https://files.example.com/list.csv"),
        (("files.example.com",), "https://example.com/list.csv"),
        (("files.example.com",), "https://files.example.com.evil.example/list.csv"),
        (("files.example.com",), "https://files.example.com:8443/list.csv"),
        (("files.example.com:8443",), "https://files.example.com/list.csv"),
        (("files.example.com",), "https://files.example.com:0/list.csv"),
        (("files.example.com",), "https://files.example.com:99999/list.csv"),
        (("files.example.com",), "https://user@files.example.com.evil.example/"),
        (("files.example.com",), "https://evil.example\\@files.example.com/"),
        (("127.0.0.1",), "https://2130706433/"),
        (("127.0.0.1",), "https://[::ffff:127.0.0.1]/"),
        (("files.example.com",), "https:///list.csv"),
        (("files.example.com",), "https://[files.example.com/list.csv"),
    ],
)
def test_only_named_hosts_are_asked(hosts: tuple[str, ...], url: str) -> None:
    """A URL on any other host or port is refused before anything is sent, with the setting that allows it."""
    with pytest.raises(InputError) as caught:
        open_remote(url, hosts, seconds_max=5.0, bytes_max=BYTES_MAX)
    assert caught.value.reason == "host_not_allowed"
    assert "BULKVERIFY_PULL_HOSTS" in str(caught.value)


def test_other_hosts_are_asked_over_https_only() -> None:
    """What everybody on the way could change is not read, but from this very host."""
    error = refusal("http://files.example.com/list.csv", "files.example.com")
    assert error.reason == "host_not_allowed"
    assert "https" in str(error)


def test_a_certificate_that_nobody_vouches_for_is_not_accepted() -> None:
    """A host that cannot prove who it is gets no further, and the message says so."""
    with ScriptedServer(encrypted=True).then(b"x") as server:
        error = refusal(f"{server.base_url}/list.csv")
    assert error.reason == "source_unavailable"
    assert "certificate" in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is refused, and where it leads is neither asked nor told."""
    with ScriptedServer() as elsewhere, ScriptedServer() as server:
        server.then(b"", status, Location=f"{elsewhere.base_url}/secret-place", Content_Length="0")
        error = refusal(f"{server.base_url}/list.csv", place_of(server.base_url), place_of(elsewhere.base_url))
        assert elsewhere.heard == []
        assert len(server.heard) == 1
    assert error.reason == "unreadable"
    assert "redirects are not followed" in str(error)
    assert "secret-place" not in str(error)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "not_found"),
        (410, "not_found"),
        (401, "unreadable"),
        (403, "unreadable"),
        (206, "unreadable"),
        (408, "source_unavailable"),
        (429, "source_unavailable"),
        (500, "source_unavailable"),
        (503, "source_unavailable"),
    ],
)
def test_an_answer_other_than_the_list_says_whether_to_try_again(status: int, reason: str) -> None:
    """What is gone or forbidden is the input's fault; what is broken may be better another time."""
    with ScriptedServer().then(b"a@x.org\n", status, Content_Length="8") as server:
        error = refusal(f"{server.base_url}/list.csv")
    assert error.reason == reason
    assert error.retryable is (reason == "source_unavailable")
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"Content-Length": "0"}, b"", "empty"),
        ({"Content-Length": str(BYTES_MAX + 1)}, b"x" * (BYTES_MAX + 1), "too_large"),
        ({"Content-Length": "1", "Content-Encoding": "gzip"}, b"x", "unreadable"),
        ({}, b"a@x.org\n", "unreadable"),
        ({"Content-Length": "20"}, b"a@x.org\n", "source_unavailable"),
    ],
)
def test_a_list_that_is_not_whole_and_plain_is_refused(headers: dict[str, str], body: bytes, reason: str) -> None:
    """Nothing that could be half a list, another list or too long a list is taken for the list."""
    with ScriptedServer(Scripted(body, headers=headers)) as server:
        assert refusal(f"{server.base_url}/list.csv").reason == reason


@pytest.mark.parametrize("tail", [b"400\r\n" + b"x" * 1_024 + b"\r\n0\r\n\r\n", b"5\r\nab", b"2\r\nab\r\n"])
def test_chunks_are_bounded_and_whole(tail: bytes) -> None:
    """A list in chunks that is too long, or that breaks off in or between chunks, is refused."""
    with raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + tail) as base_url:
        reason = refusal(f"{base_url}/list.csv").reason
    assert reason == ("too_large" if tail.startswith(b"400") else "source_unavailable")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 200 + b"Content-Length: 1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nX-Header: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://[\r\n\r\n",
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(answer: bytes) -> None:
    """Whatever a host answers, the error is one of ours and names the list."""
    with raw_server(answer) as base_url:
        assert refusal(f"{base_url}/list.csv").reason in {"unreadable", "source_unavailable"}


def test_a_host_that_is_not_there_is_unavailable() -> None:
    """Where nobody listens, another time may be better."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(refusal(f"http://127.0.0.1:{port}/list.csv"), SourceUnavailable)


def test_a_silent_host_is_given_up() -> None:
    """A host that accepts and says nothing is not waited for longer than the time given."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = refusal(f"http://127.0.0.1:{listener.getsockname()[1]}/list.csv", seconds_max=0.2)
    assert error.reason == "source_unavailable"


def test_a_dripping_host_is_given_up() -> None:
    """One deadline holds for the whole body, however regularly its pieces come."""
    over = threading.Event()
    drops = (b"x" for _ in itertools.takewhile(lambda _: not over.wait(0.02), itertools.count()))
    with ScriptedServer().then(drops, Content_Length="900") as server:
        try:
            error = refusal(f"{server.base_url}/list.csv", seconds_max=0.3)
        finally:
            over.set()
    assert error.reason == "source_unavailable"
    assert "BULKVERIFY_PULL_SECONDS_MAX" in str(error)
