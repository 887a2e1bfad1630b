"""A real HTTP server that answers what a test tells it, for answers that no simulated provider would give."""

from __future__ import annotations

import json
import ssl
import sys
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import TYPE_CHECKING, Self

import trustme

from tests.builders.loopback_server import LoopbackServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Mapping

#: Who vouches for the servers of this test process, and nobody else does.
AUTHORITY = trustme.CA()

#: Bytes of a request's body that are kept; the rest is read and forgotten.
KEPT_BYTES = 65_536


@dataclass(frozen=True)
class Scripted:
    """One answer, given as soon as the first piece of its body is there.

    A body that is neither bytes nor text nor an iterable of bytes is sent as JSON. With `raw`, these bytes are all that
    is sent, status line and headers included.
    """

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    def pieces(self) -> Iterable[bytes]:
        """The body in pieces."""
        if isinstance(self.body, bytes):
            return (self.body,)
        if isinstance(self.body, str):
            return (self.body.encode(),)
        if isinstance(self.body, dict | list):
            return (json.dumps(self.body).encode(),)
        return self.body  # type: ignore[return-value]  # the one shape that is left


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    body_bytes: int


class ScriptedServer(LoopbackServer):
    """A context: gives `answers` in their order, then 404s, and remembers what it heard.

    With `encrypted` it speaks TLS, with a certificate that nobody trusts who is not told to (`AUTHORITY`).
    """

    def __init__(self, *answers: Scripted, encrypted: bool = False) -> None:
        self.answers = deque(answers)
        self._places: dict[str, deque[Scripted]] = {}
        self.heard: list[Heard] = []
        listener = _Listener(("127.0.0.1", 0), _handler(self))
        self._scheme = "https" if encrypted else "http"
        if encrypted:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
        super().__init__(listener)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def then(self, body: object, status: int = 200, **headers: str) -> Self:
        """Add an answer; `_` in header names stands for `-`."""
        self.answers.append(Scripted(body, status, {name.replace("_", "-"): text for name, text in headers.items()}))
        return self

    def at(self, target: str, *answers: Scripted) -> Self:
        """Add answers to requests for one target, in their order; the last one is given again and again."""
        self._places.setdefault(target, deque()).extend(answers)
        return self

    def answer_to(self, target: str) -> Scripted:
        """The next answer to a request for a target."""
        if place := self._places.get(target):
            return place.popleft() if len(place) > 1 else place[0]
        return self.answers.popleft() if self.answers else Scripted("nothing scripted", 404)


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Report what went wrong in a handler; that a client went away is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(script: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            script.heard.append(self._hear())
            answer = script.answer_to(self.path)
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                return
            pieces = iter(answer.pieces())
            first = next(pieces, b"")
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.end_headers()
            for piece in chain([first], pieces):
                self.wfile.write(piece)

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815 - the names by which the base class finds them

        def _hear(self) -> Heard:
            left = length = int(self.headers.get("Content-Length", "0"))
            kept = b""
            while left and (piece := self.rfile.read(min(left, KEPT_BYTES))):
                left -= len(piece)
                kept = kept or piece
            headers = {name.lower(): text for name, text in self.headers.items()}
            return Heard(self.command, self.path, headers, kept, length - left)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
