"""The one call that spends, on a connection of its own: nothing is pooled, reopened, retried or redirected.

One monotonic deadline covers connecting, the whole body and the answer. A timer cuts the connection when it passes, so
that neither a dripping nor a silent peer can hold the call; the deadline is looked at once more between handshake and
first byte.

What is certain is told apart from what is not by one fact: whether the whole request was handed to the socket.

    before that    `NotSent`           a request with a declared length that misses bytes cannot have been accepted
    after that     an `Answer`, or `OutcomeUnknown`

Errors are raised outside `except` blocks and name the call by its template, as in `worker.providers.http`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from functools import cache
from threading import Timer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from worker.providers.answer import ANSWER_BYTES_MAX, Answer, retry_after_of
from worker.providers.call import outcome_of
from worker.providers.errors import NotSent, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from config.accounts import Timeouts
    from worker.providers.body import Body
    from worker.providers.call import Call
    from worker.providers.port import Gate, Reporter

#: Bytes of an answer read at a time.
READ_BYTES = 65_536

#: Seconds to wait for an answer from a peer that stopped taking the body: it may have said why.
PREMATURE_ANSWER_SECONDS = 2.0

#: What the standard library raises when a peer, a network, a name or a file does not do its part.
_BREAKS = (OSError, http.client.HTTPException, ValueError)

#: Those of them after which the peer may still have an answer ready.
_PEER_STOPPED = (ConnectionError, TimeoutError, ssl.SSLError)


class SubmitConnection:
    """Posts one streamed body per call for one account: a rate token before each, a report after each."""

    def __init__(
        self, timeouts: Timeouts, gate: Gate, reporter: Reporter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeouts = timeouts
        self._gate = gate
        self._reporter = reporter
        self._clock = clock

    def post(self, call: Call, body: Body, deadline: float) -> Answer:
        """The answer to the whole request; a `premature` one if the provider answered before taking all of it.

        `deadline` is by this connection's clock.
        Raises `NotSent` and `OutcomeUnknown` as the module describes, and what the gate raises.
        """
        self._gate.acquire(call.operation)
        began = self._clock()
        exchange = _Exchange(self._timeouts, deadline, self._clock)
        outcome = "connection"
        try:
            answer = exchange.run(call, body)
            if answer is not None:
                outcome = outcome_of(answer.status)
        finally:
            outcome = "timeout" if exchange.timed_out else outcome
            self._reporter.call_finished(call.operation, outcome, self._clock() - began)
        if answer is not None:
            return answer
        if exchange.sent_whole:
            raise OutcomeUnknown(
                f"{call.subject}: everything was sent, but {exchange.fault}; "
                "the provider may have accepted and charged: its list has to be searched before anything is sent again"
            )
        raise NotSent(f"{call.subject}: {exchange.fault}; nothing was accepted and nothing was charged")


class _Exchange:
    """One request and its answer. After `run` the attributes say how far it came."""

    def __init__(self, timeouts: Timeouts, deadline: float, clock: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self._deadline = deadline
        self._clock = clock
        #: Every byte of the request was handed to the socket.
        self.sent_whole = False
        self.timed_out = False
        #: What kept the answer from coming, in words.
        self.fault = ""
        self._stage = "connecting"

    def run(self, call: Call, body: Body) -> Answer | None:
        """The answer, `None` if there is none."""
        try:
            with self._connected(call.url) as sock:
                return self._talk(sock, call, body)
        except _BREAKS as error:
            self.timed_out = isinstance(error, TimeoutError) or self._left_seconds() <= 0
            self.fault = f"{'time ran out' if self.timed_out else 'something broke'} while {self._stage}"
        return None

    @contextlib.contextmanager
    def _connected(self, url: str) -> Iterator[socket.socket]:
        """A fresh connection, handshake done, that is cut at the deadline and closed at the end."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        plain = socket.create_connection((host, port), timeout=self._wait_seconds(self._timeouts.connect_seconds))
        with contextlib.ExitStack() as stack:
            stack.callback(plain.close)
            sock = _encrypted(plain, host) if secure else plain
            stack.callback(sock.close)
            watchdog = Timer(self._left_seconds(), _cut, [sock])
            watchdog.daemon = True
            watchdog.start()
            stack.callback(watchdog.cancel)
            if isinstance(sock, ssl.SSLSocket):
                self._stage = "agreeing on encryption with the server"
                sock.settimeout(self._wait_seconds(self._timeouts.connect_seconds))
                sock.do_handshake()
            yield sock

    def _talk(self, sock: socket.socket, call: Call, body: Body) -> Answer:
        parts = urlsplit(call.url)
        connection = http.client.HTTPConnection(parts.hostname or "")
        connection.auto_open = 0
        connection.sock = sock
        self._stage = "sending the request"
        sock.settimeout(self._wait_seconds(self._timeouts.send_seconds))
        connection.putrequest("POST", _target(call.url), skip_host=True, skip_accept_encoding=True)
        headers = {"Host": parts.netloc, **call.headers_sent, "Content-Type": body.content_type}
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            connection.putheader(name, value)
        try:
            connection.endheaders()
            self._send_body(sock, body)
        except _PEER_STOPPED:
            # The peer may have answered and closed; then its answer says more than the broken pipe.
            return self._premature_answer(connection, sock)
        self.sent_whole = True
        self._stage = "waiting for the answer"
        sock.settimeout(self._wait_seconds(self._timeouts.read_seconds))
        return _read_answer(connection, premature=False)

    def _send_body(self, sock: socket.socket, body: Body) -> None:
        sent_bytes = 0
        for chunk in body:
            sock.settimeout(self._wait_seconds(self._timeouts.send_seconds))
            sock.sendall(chunk)
            sent_bytes += len(chunk)
        if sent_bytes != len(body):
            self._stage = "reading the staged file, which changed"
            raise ValueError

    def _premature_answer(self, connection: http.client.HTTPConnection, sock: socket.socket) -> Answer:
        sock.settimeout(min(PREMATURE_ANSWER_SECONDS, self._wait_seconds(self._timeouts.read_seconds)))
        return _read_answer(connection, premature=True)

    def _left_seconds(self) -> float:
        return self._deadline - self._clock()

    def _wait_seconds(self, stage_seconds: float) -> float:
        """How long the next step may block; raises `TimeoutError` once the deadline has passed."""
        left_seconds = self._left_seconds()
        if left_seconds <= 0:
            raise TimeoutError
        return min(stage_seconds, left_seconds)


@cache
def _tls() -> ssl.SSLContext:
    """Certificates are always verified, against the same roots as reading calls."""
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


def _encrypted(plain: socket.socket, host: str) -> ssl.SSLSocket:
    return _tls().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _cut(sock: socket.socket) -> None:
    """End a connection from another thread: whatever blocks on it returns.

    The plain socket's method on purpose: the TLS socket's own would first drop its encryption, and a send that runs at
    that moment would go out readable.
    """
    with contextlib.suppress(OSError):  # the connection has ended by itself
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _read_answer(connection: http.client.HTTPConnection, *, premature: bool) -> Answer:
    with connection.getresponse() as response:
        body = bytearray()
        while len(body) < ANSWER_BYTES_MAX and (piece := response.read(READ_BYTES)):
            body += piece
        return Answer(
            status=response.status,
            content_type=response.getheader("Content-Type", ""),
            retry_after_seconds=retry_after_of(response.getheader("Retry-After")),
            body=bytes(body),
            premature=premature,
        )
