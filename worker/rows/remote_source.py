"""A list on another host: read over HTTP from hosts that the operator names, within a time and a size.

Nothing but the address is sent: no credentials, no cookies, nothing from the environment or `.netrc`, and no redirect
is followed, so that a host that may be read from cannot lead to one that may not.

Known limitation: looking up the host's name, and an answer's headers, are bounded by the timeouts of each wait and not
by the one deadline, which holds for the body. Certificates are checked against the public authorities only.
"""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from config.endpoints import is_private_line
from worker.http_session import plain_session
from worker.rows.errors import (
    HostNotAllowed,
    InputNotFound,
    InputTooLarge,
    InputUnreadable,
    NoValues,
    RowsError,
    SourceUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from typing_extensions import Buffer

#: Most seconds to wait for a connection, and for the next piece of the answer.
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0

_LENGTH = re.compile(r"[0-9]{1,18}")
#: Ports that a scheme means when a URL names none.
_USUAL_PORTS = {"https": 443, "http": 80}
#: Answers that another time may be others: too early, too many requests, a wait that the server gave up.
_PASSING = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})
_OK = 200


def open_remote(url: str, hosts: Collection[str], *, seconds_max: float, bytes_max: int) -> BinaryIO:
    """The bytes at `url`, which is on one of `hosts` (`host` or `host:port`); all of it within `seconds_max`.

    Raises `InputError` for what will not change by itself, else `SourceUnavailable`; reading may raise both, too: a
    body that is larger than `bytes_max`, is empty, breaks off or takes too long.
    """
    _check_place(url, hosts)
    deadline = time.monotonic() + seconds_max
    session = _session()
    failure: RowsError | None
    try:
        response = session.get(
            url,
            stream=True,
            allow_redirects=False,
            timeout=(min(CONNECT_SECONDS, seconds_max), min(READ_SECONDS, seconds_max)),
        )
    except (requests.RequestException, HTTPError, OSError) as error:
        session.close()
        failure = _broken(url, error)
    else:
        body = _Body(url, session, response, deadline, bytes_max)
        failure = _refusal(url, response.status_code) or _shortcoming(url, response.headers, bytes_max)
        if failure is None:
            return io.BufferedReader(body)
        body.close()
    raise failure


def _check_place(url: str, hosts: Collection[str]) -> None:
    """Raise `HostNotAllowed` unless `url` leads to one of `hosts`, and nobody on the way can change what comes back."""
    host, port = _host_of(url), _port_of(url)
    if not host or not {f"{host}:{port}", *([host] if port == _usual_port(url) else [])} & set(hosts):
        named = ", ".join(hosts) or "none"
        raise HostNotAllowed(
            f"{url} is on no host that lists are read from ({named}); an operator allows {host or 'a host'} in "
            "BULKVERIFY_PULL_HOSTS, which the processes read when they start."
        )
    if not is_private_line(url):
        raise HostNotAllowed(f"{url} is not encrypted: only https is read, but for addresses of this very host.")


def _host_of(url: str) -> str:
    """The host as the HTTP library understands the URL, and empty where another reading of it names another host."""
    try:
        host = (parse_url(url).host or "").lower()
        other = urlsplit(url).hostname or ""
    except (LocationParseError, ValueError):
        return ""
    return host if host.strip("[]") == other else ""


def _port_of(url: str) -> int:
    try:
        port = urlsplit(url).port
    except ValueError:
        return 0
    return _usual_port(url) if port is None else port


def _usual_port(url: str) -> int:
    return _USUAL_PORTS.get(urlsplit(url).scheme, 0)


def _session() -> requests.Session:
    session = plain_session(connections=1)
    session.headers.clear()
    # Bytes as they lie on the server: what is hashed here is what others see there.
    session.headers.update({"User-Agent": "bulkverify", "Accept": "*/*", "Accept-Encoding": "identity"})
    return session


def _refusal(url: str, status: int) -> RowsError | None:
    """Why an answer is no list, by its status."""
    if status == _OK:
        return None
    if status in _GONE:
        return InputNotFound(f"{url} does not exist (its host answers {status}); put the list there first.")
    if status in _PASSING or status >= 500:  # noqa: PLR2004 - the class of server errors
        return SourceUnavailable(f"{url} cannot be read now: its host answers {status}.")
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects
        return InputUnreadable(
            f"{url} leads elsewhere ({status}), and redirects are not followed; name the place itself."
        )
    return InputUnreadable(f"{url} cannot be read: its host answers {status}. It has to be open to the workers.")


def _shortcoming(url: str, headers: Mapping[str, str], bytes_max: int) -> RowsError | None:
    """Why a list cannot be taken as it comes, by the answer's headers."""
    length = headers.get("Content-Length", "")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        return InputUnreadable(f"{url} comes compressed although it was not asked for; have it served as it is.")
    if not _LENGTH.fullmatch(length) and "chunked" not in headers.get("Transfer-Encoding", "").lower():
        return InputUnreadable(
            f"{url} comes without its length, so that half a list would look like a whole one; have it served with "
            "Content-Length."
        )
    if _LENGTH.fullmatch(length) and int(length) > bytes_max:
        return _too_large(url, bytes_max)
    return None


class _Body(io.RawIOBase):
    """The body of an answer as a file, within a time and a size."""

    def __init__(
        self, url: str, session: requests.Session, response: requests.Response, deadline: float, bytes_max: int
    ) -> None:
        self._url = url
        self._session = session
        self._response = response
        self._deadline = deadline
        self._bytes_max = bytes_max
        self._bytes = 0

    def readable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """See `io.RawIOBase`. A piece is one read of the socket, so that the deadline is seen even when it drips."""
        view = memoryview(buffer).cast("B")
        piece = b""
        failure: RowsError | None = None
        try:
            piece = self._response.raw.read1(len(view), decode_content=False)
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _broken(self._url, error)
        self._bytes += len(piece)
        if failure is None:
            failure = self._fault(piece)
        if failure is not None:
            raise failure
        view[: len(piece)] = piece
        return len(piece)

    def _fault(self, piece: bytes) -> RowsError | None:
        if not self._bytes:
            return NoValues(f"{self._url} is empty; there is nothing to verify.")
        if self._bytes > self._bytes_max:
            return _too_large(self._url, self._bytes_max)
        if piece and time.monotonic() > self._deadline:
            return SourceUnavailable(f"{self._url} did not come to its end in time; see BULKVERIFY_PULL_SECONDS_MAX.")
        return None

    def close(self) -> None:
        """Give up the connection."""
        if not self.closed:
            self._response.close()
            self._session.close()
        super().close()


def _too_large(url: str, bytes_max: int) -> InputTooLarge:
    return InputTooLarge(f"{url} has more than {bytes_max:,} bytes; see BULKVERIFY_INPUT_BYTES_MAX.")


def _broken(url: str, error: Exception) -> SourceUnavailable:
    """What a library's exception means; nothing of its own text is repeated."""
    match error:
        case requests.exceptions.SSLError():
            what = "the certificate or TLS handshake of its host was not accepted"
        case requests.Timeout() | TimeoutError():
            what = "its host did not answer in time"
        case requests.ConnectionError():
            what = "no connection to its host could be made"
        case _:
            what = "its host broke off, or was silent for too long"
    return SourceUnavailable(f"{url} cannot be read now: {what}.")
