"""Both simulated providers on a real HTTP/1.1 server, which also resets, cuts, drips and hangs when told to."""

from __future__ import annotations

import queue
import socket
import struct
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from worker.providers.sandbox.control import CONTROL_PREFIX, Control
from worker.providers.sandbox.router import DOWNLOADS_PREFIX, IPQS_PREFIX, Router
from worker.providers.sandbox.sending import send
from worker.providers.sandbox.wire import CHUNK_BYTES, BodyCut, Request, Response

if TYPE_CHECKING:
    import io
    from types import TracebackType

    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

#: Seconds of silence after which a connection is given up.
IDLE_SECONDS = 120.0
#: Bytes of a refused request that are still read, so that the client gets to see the refusal.
DRAIN_BYTES_MAX = 256 * 1024 * 1024
#: Connections that may wait to be taken.
BACKLOG = 128


class SandboxServer:
    """The simulated providers on one address. A context manager; `start` and `stop` may also be called by hand."""

    def __init__(self, ipqs: IpqsSandbox, whoisxml: WhoisXmlSandbox, host: str = "127.0.0.1", port: int = 0) -> None:
        self.ipqs = ipqs
        self.whoisxml = whoisxml
        self._listener = _Listener((host, port), Router(ipqs, whoisxml), Control(ipqs, whoisxml))
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        # A SimpleQueue, since its `put` is safe in a signal handler.
        self._stop_requests: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def base_url(self) -> str:
        """``http://host:port``, without a slash at the end."""
        host, port = self._listener.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def start(self) -> Self:
        """Begin to serve; links that IPQS hands out lead here from now on."""
        self.ipqs.addresses.root = self.base_url + IPQS_PREFIX
        self.ipqs.addresses.download = f"{self.base_url}{DOWNLOADS_PREFIX}/download"
        self._thread.start()
        return self

    def request_stop(self) -> None:
        """Make `wait` return. Safe to call from a signal handler."""
        self._stop_requests.put(None)

    def wait(self) -> None:
        """Block until somebody calls `request_stop`."""
        self._stop_requests.get()

    def stop(self) -> None:
        """End every connection, also those that hang, and wait for their threads."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.end_connections()
        self._listener.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


class _Listener(ThreadingHTTPServer):
    """Takes connections, one thread each, and remembers them so that they can be ended."""

    request_queue_size = BACKLOG
    daemon_threads = False

    def __init__(self, address: tuple[str, int], router: Router, control: Control) -> None:
        self.router = router
        self.control = control
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, _Handler)

    def answer(self, request: Request) -> Response:
        """The answer to one request."""
        to = self.control if request.path.startswith(CONTROL_PREFIX) else self.router
        return to.handle(request)

    def end_connections(self) -> None:
        """Wake whatever waits on a connection."""
        self.stopping.set()
        with self._connections_lock:
            for connection in self._connections:
                _shut(connection)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Hand a connection to a thread of its own."""
        if isinstance(request, socket.socket):
            with self._connections_lock:
                self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """Close a connection."""
        if isinstance(request, socket.socket):
            with self._connections_lock:
                self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Report what went wrong in a handler; that a client went away is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Body:
    """The part of a connection that is one request's body."""

    def __init__(self, source: io.BufferedIOBase, length_bytes: int) -> None:
        self._source = source
        self._left_bytes = length_bytes

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left_bytes if size < 0 else min(size, self._left_bytes)
        data = self._source.read(wanted) if wanted else b""
        if len(data) < wanted:
            raise BodyCut(f"the request ended {self._left_bytes - len(data)} bytes early")
        self._left_bytes -= len(data)
        return data

    def drain(self) -> bool:
        """Read what is left, within limits; whether all of it was."""
        if self._left_bytes > DRAIN_BYTES_MAX:
            return False
        while self.read(CHUNK_BYTES):
            pass
        return True


class _Handler(BaseHTTPRequestHandler):
    """One connection, any number of requests."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = CHUNK_BYTES
    server: _Listener
    _reset = False

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "")
        body = _Body(self.rfile, int(length) if length.isdigit() else 0)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        answer = self.server.answer(Request(self.command, unquote(parts.path), query, headers, body))
        if answer.transport and answer.transport.kind == "reset":
            body.read(answer.transport.after_bytes)
            self._reset = self.close_connection = True
            return
        goes_on = send(answer, self.wfile, self.server.stopping, head_only=self.command == "HEAD")
        unframed = "transfer-encoding" in headers
        if not goes_on or unframed or not body.drain():
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 the base class asks for these names

    def finish(self) -> None:
        """Close the connection's files, and then the connection itself if it is to be reset."""
        super().finish()
        if self._reset:
            # No lingering: the close is an RST, as long as nothing shuts the connection down before.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing: request lines hold keys."""


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # It may have ended by itself a moment ago.
        connection.shutdown(socket.SHUT_RDWR)
