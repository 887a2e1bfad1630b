"""The connection that spends: encryption, its one deadline, and what counts as sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from config.accounts import Timeouts
from tests.builders.provider_bench import CountingGate, Notes
from tests.builders.scripted_server import AUTHORITY, Scripted, ScriptedServer
from worker.providers import submit_connection
from worker.providers.body import FormFile
from worker.providers.call import Call
from worker.providers.errors import NotSent, OutcomeUnknown, Unavailable
from worker.providers.http import ReadClient
from worker.providers.submit_connection import SubmitConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUTS = Timeouts(connect_seconds=3, send_seconds=3, read_seconds=3)
SECRET = "s3cretS3cretS3cretS3cretS3cret12"


def connection(
    clock: Callable[[], float] = time.monotonic, timeouts: Timeouts = TIMEOUTS
) -> tuple[SubmitConnection, Notes]:
    """A connection whose reports are kept."""
    notes = Notes()
    return SubmitConnection(timeouts, CountingGate(), notes, clock), notes


def upload(server: ScriptedServer, path: str = "/upload") -> Call:
    """A call with a secret in its address and its headers."""
    return Call("submit", "POST", "{base_url}/{key}", "main", f"{server.base_url}{path}/{SECRET}", {"X-Key": SECRET})


def body(folder: Path, size_bytes: int = 1_000) -> FormFile:
    """A form with a file of this size."""
    path = folder / "values.csv"
    path.write_bytes(b"a" * size_bytes)
    return FormFile(path, "values.csv")


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own certificate is trusted, and no other."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    monkeypatch.setattr(submit_connection, "_tls", lambda: context)


def test_an_encrypted_submit_arrives_whole(tmp_path: Path, trusting: None) -> None:
    """Over TLS the complete body arrives with its length, on a connection that is closed afterwards."""
    form = body(tmp_path, 3_000_000)
    with ScriptedServer(Scripted({"id": 1}), encrypted=True) as server:
        posts, notes = connection()
        answer = posts.post(upload(server), form, time.monotonic() + 10)
    (request,) = server.heard
    assert (answer.status, answer.document(), answer.premature) == (200, {"id": 1}, False)
    assert request.body_bytes == len(form)
    assert request.headers["host"] == server.base_url.removeprefix("https://")
    assert request.headers["connection"] == "close"
    assert notes.calls == [("submit", "2xx")]


def test_an_untrusted_certificate_ends_the_call_before_anything_is_sent(tmp_path: Path) -> None:
    """Neither a submit nor a reading call says anything to a server whose certificate is not trusted."""
    with ScriptedServer(encrypted=True) as server:
        posts, notes = connection()
        with pytest.raises(NotSent, match="encryption"):
            posts.post(upload(server), body(tmp_path), time.monotonic() + 5)
        reads = ReadClient(TIMEOUTS, CountingGate(), notes)
        with pytest.raises(Unavailable, match="certificate"):
            reads.fetch(upload(server))
        reads.close()
    assert server.heard == []


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_silent_peer_is_cut_at_the_deadline(tmp_path: Path, trusting: None, encrypted: bool) -> None:
    """A provider that took everything and says nothing leaves the outcome open when time is up."""
    with _Silence() as silence, ScriptedServer(Scripted(silence), encrypted=encrypted) as server:
        posts, notes = connection()
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown, match="time ran out") as caught:
            posts.post(upload(server), body(tmp_path), time.monotonic() + 0.4)
        assert time.monotonic() - began < 2
    assert SECRET not in str(caught.value)
    assert notes.calls == [("submit", "timeout")]


def test_the_deadline_is_looked_at_between_handshake_and_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When time has run out during connecting, not one byte of the request is sent."""
    connect, connected = socket.create_connection, []

    def connect_slowly(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(connect(address, timeout))
        return connected[0]

    monkeypatch.setattr(socket, "create_connection", connect_slowly)
    with ScriptedServer() as server:
        posts, notes = connection(lambda: 100.0 if connected else 0.0)
        with pytest.raises(NotSent, match="time ran out"):
            posts.post(upload(server), body(tmp_path), 50.0)
    assert server.heard == []
    assert notes.calls == [("submit", "timeout")]


def test_a_deadline_in_the_past_does_not_even_connect(tmp_path: Path) -> None:
    """A submit that comes too late ends before it begins."""
    with ScriptedServer() as server:
        posts, _ = connection()
        with pytest.raises(NotSent, match="time ran out while connecting"):
            posts.post(upload(server), body(tmp_path), time.monotonic() - 1)
    assert server.heard == []


@pytest.mark.parametrize("size_bytes", [10, 0])
def test_a_file_that_shrinks_is_not_sent(tmp_path: Path, size_bytes: int) -> None:
    """A staged file that changes under the call cannot be accepted: the announced length is never reached."""
    form = body(tmp_path, 500_000)
    (tmp_path / "values.csv").write_bytes(b"a" * size_bytes)
    with ScriptedServer() as server:
        posts, _ = connection()
        with pytest.raises(NotSent, match="staged file"):
            posts.post(upload(server), form, time.monotonic() + 5)


@pytest.mark.parametrize("path", ["/with space", "/line\r\nX-Injected: 1", "/ünïcode"])
def test_an_impossible_address_is_not_sent_and_not_shown(tmp_path: Path, path: str) -> None:
    """What cannot be put into a request line ends as not sent, without the text of the address."""
    with ScriptedServer() as server:
        posts, _ = connection()
        with pytest.raises(NotSent) as caught:
            posts.post(upload(server, path), body(tmp_path), time.monotonic() + 5)
    assert SECRET not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert server.heard == []


@pytest.mark.parametrize("answer_bytes", [b"", b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"])
def test_a_peer_that_stops_reading_is_asked_whether_it_has_answered(tmp_path: Path, answer_bytes: bytes) -> None:
    """An answer that came before the body's end is returned as premature; without one the request was not sent."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = threading.Thread(target=_answer_and_stop, args=(listener, answer_bytes, over))
        peer.start()
        posts, notes = connection(timeouts=Timeouts(connect_seconds=1, send_seconds=0.4, read_seconds=0.4))
        port = listener.getsockname()[1]
        call = Call("submit", "POST", "{base_url}", "main", f"http://127.0.0.1:{port}/upload")
        answer = None
        with contextlib.suppress(NotSent):
            answer = posts.post(call, body(tmp_path, 60_000_000), time.monotonic() + 20)
        over.set()
        peer.join()
    assert (answer and (answer.status, answer.premature)) == ((413, True) if answer_bytes else None)
    assert notes.calls == [("submit", "4xx" if answer_bytes else "timeout")]


def _answer_and_stop(listener: socket.socket, answer: bytes, over: threading.Event) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.recv(1_000)
        peer.sendall(answer)
        over.wait(20)


class _Silence:
    """A body that does not come until the context ends."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        self._over.wait(20)
        yield b"late"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
