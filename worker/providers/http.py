"""Calls that only read: one pooled session, no redirects, no hidden retries, bounded answers, errors without URLs.

The one session of an adapter is shared by its threads: after construction nothing changes it (no cookies are kept,
nothing is taken from the environment or `.netrc`), and the connection pool below it is made for threads.

Errors are built anew outside the `except` block, so that neither `__cause__` nor `__context__` leads to a library's
exception: its text has the URL and its request object the headers.

Known limitation: an answer's headers are bounded by the timeout of each read and by their size, not by one deadline; a
server that drips header bytes can hold a thread for long. Submits, where it would matter, have their own connection.
"""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import requests
from urllib3.exceptions import HTTPError, IncompleteRead, ReadTimeoutError

from worker.http_session import plain_session
from worker.providers.answer import ANSWER_BYTES_MAX, Answer, retry_after_of
from worker.providers.call import outcome_of
from worker.providers.errors import Malformed, Unavailable
from worker.providers.port import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO
    from pathlib import Path

    from config.accounts import Timeouts
    from worker.providers.call import Call
    from worker.providers.port import Gate, Reporter

_T = TypeVar("_T")

#: Seconds from the first byte of a call to the last byte of an answer that is held in memory.
READ_SECONDS_MAX = 180.0

#: Seconds one download may take in all: the documented life of an IPQS link.
DOWNLOAD_SECONDS_MAX = 900.0

#: Bytes of one downloaded result beyond which it is given up: ten million rows of 400 bytes.
DOWNLOAD_BYTES_MAX = 4_294_967_296

#: Bytes of a download that are kept in memory to judge what it is.
HEAD_BYTES = 65_536

#: Bytes read from the network at a time.
CHUNK_BYTES = 262_144

#: Idle connections kept per host; more calls than that at once open connections that are closed after use.
POOL_CONNECTIONS = 8

# The library's debug and warning lines hold complete URLs, and URLs hold keys; every failure is reported here instead.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Download:
    """A body on disk under a temporary name, whole as far as HTTP can tell; its beginning is in `answer.body`."""

    answer: Answer
    path: Path
    size_bytes: int
    sha256: str
    #: Whether HTTP framing proves completeness; without it the content has to.
    length_known: bool

    def publish(self, target: Path, segment: str | None = None) -> Artifact:
        """Give the file its name in one step."""
        self.path.replace(target)
        return Artifact(target.name, target, self.size_bytes, self.sha256, segment)

    def discard(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


class _NotKept(Exception):
    """A body could not be written to its file, for a `fault` that is not the call's."""

    def __init__(self, fault: OSError) -> None:
        super().__init__()
        self.fault = fault


class ReadClient:
    """Performs reading calls for one account: a rate token before each, a report after each."""

    def __init__(self, timeouts: Timeouts, gate: Gate, reporter: Reporter) -> None:
        # A read's body fits into a socket buffer, so that here the library's connect timeout may stand for sending too.
        self._timeout_seconds = (timeouts.connect_seconds, timeouts.read_seconds)
        self._gate = gate
        self._reporter = reporter
        self._session = plain_session(connections=POOL_CONNECTIONS)

    def fetch(self, call: Call) -> Answer:
        """The answer, its body in memory. Raises `Unavailable`, and `Malformed` for one beyond `ANSWER_BYTES_MAX`."""
        return self._perform(call, lambda response: _answer(call, response, READ_SECONDS_MAX))

    def download(self, call: Call, partial: Path) -> Download | Answer:
        """Stream a successful answer's body into the file `partial`; any other answer is returned as it is.

        Raises `Unavailable` for a body that breaks off, `Malformed` for one beyond `DOWNLOAD_BYTES_MAX`, and `OSError`
        where this machine cannot keep it; then no file is left. The caller judges the content.
        """
        try:
            return self._perform(call, lambda response: _download(call, response, partial))
        except _NotKept as error:
            fault = error.fault
        raise fault

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def _perform(self, call: Call, consume: Callable[[requests.Response], _T]) -> _T:
        self._gate.acquire(call.operation)
        began = time.monotonic()
        outcome, fault = "connection", None
        try:
            with self._send(call) as response:
                outcome = outcome_of(response.status_code)
                return consume(response)
        except (requests.RequestException, HTTPError, OSError) as error:
            outcome, fault = _fault_of(error)
        finally:
            self._reporter.call_finished(call.operation, outcome, time.monotonic() - began)
        raise Unavailable(f"{call.subject}: {fault}; it is safe to ask again")

    def _send(self, call: Call) -> requests.Response:
        return self._session.request(
            call.method,
            call.url,
            headers=call.headers_sent,
            data=call.body,
            timeout=self._timeout_seconds,
            allow_redirects=False,
            stream=True,
            verify=True,
        )


def _answer(call: Call, response: requests.Response, seconds: float, bytes_max: int = ANSWER_BYTES_MAX) -> Answer:
    body = bytearray()
    for chunk in _chunks(response, seconds):
        body += chunk
        if len(body) > bytes_max:
            raise Malformed(f"{call.subject}: the answer is larger than {bytes_max:,} bytes; it was not read further")
    return _answer_of(response, bytes(body))


def _answer_of(response: requests.Response, body: bytes) -> Answer:
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        retry_after_seconds=retry_after_of(response.headers.get("Retry-After")),
        body=body,
    )


def _download(call: Call, response: requests.Response, partial: Path) -> Download | Answer:
    if not _answer_of(response, b"").success:
        return _answer(call, response, READ_SECONDS_MAX)
    complete = False
    try:
        download = _stream(call, response, partial)
        complete = True
    finally:
        if not complete:
            partial.unlink(missing_ok=True)
    return download


def _stream(call: Call, response: requests.Response, partial: Path) -> Download:
    digest, size_bytes, head = hashlib.sha256(), 0, bytearray()
    with _kept():
        file = partial.open("wb", buffering=0)
    with file:
        for chunk in _chunks(response, DOWNLOAD_SECONDS_MAX):
            with _kept():
                _write_whole(file, chunk)
            size_bytes += len(chunk)
            digest.update(chunk)
            head += chunk[: HEAD_BYTES - len(head)]
            if size_bytes > DOWNLOAD_BYTES_MAX:
                raise Malformed(f"{call.subject}: the result is larger than {DOWNLOAD_BYTES_MAX:,} bytes")
    framed = "Content-Length" in response.headers or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return Download(_answer_of(response, bytes(head)), partial, size_bytes, digest.hexdigest(), framed)


@contextmanager
def _kept() -> Iterator[None]:
    """Tell an error of the file inside from one of the connection, which may be of the same type."""
    try:
        yield
    except OSError as error:
        raise _NotKept(error) from None


def _write_whole(file: FileIO, data: bytes) -> None:
    """Write all of `data` to a file without a buffer, so that a full disk shows here and not when it is closed."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _chunks(response: requests.Response, seconds: float) -> Iterator[bytes]:
    """The body as it arrives. A piece is one read of the socket, so that the deadline is seen even when it drips."""
    ends_at = time.monotonic() + seconds
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        yield chunk
        if time.monotonic() > ends_at:
            raise requests.ReadTimeout


def _fault_of(error: Exception) -> tuple[str, str]:
    """The bounded outcome and the words for a library's exception; none of its own text is repeated."""
    if isinstance(error, requests.ConnectTimeout):
        return "timeout", "no connection could be made in time"
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return "timeout", "the answer did not come, or not to its end, in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "connection", "the server's certificate or TLS handshake was not accepted"
    if isinstance(error, IncompleteRead | requests.exceptions.ChunkedEncodingError):
        return "connection", "the answer broke off before its end"
    return "connection", "the connection failed or broke"
