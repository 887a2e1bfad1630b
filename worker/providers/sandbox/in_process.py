"""The simulated providers mounted into a `requests.Session`: no sockets, no waiting, the same exceptions."""

from __future__ import annotations

import io
from collections.abc import Iterable
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from worker.providers.sandbox.router import Router
from worker.providers.sandbox.sending import body_pieces, is_chunked
from worker.providers.sandbox.wire import BodyCut, BodySource, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import PreparedRequest

    from worker.providers.sandbox.ipqs import IpqsSandbox
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox


_CLOSED = "Remote end closed connection without response"


class InProcessAdapter(BaseAdapter):
    """Answers every URL it is mounted for: by host name (the real ones) or by path (those of `SandboxServer`).

    Transport faults become the exceptions that `requests` raises for them. A silence longer than the read timeout is a
    `ReadTimeout` at once; a shorter one takes no time.
    """

    def __init__(self, ipqs: IpqsSandbox, whoisxml: WhoisXmlSandbox) -> None:
        super().__init__()
        self._router = Router(ipqs, whoisxml)

    def send(  # noqa: PLR0917 the signature is that of requests
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 the signature is that of requests
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 the signature is that of requests
        cert: object = None,  # noqa: ARG002 the signature is that of requests
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 the signature is that of requests
    ) -> requests.Response:
        """Answer one request. Raises what `requests` raises."""
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            answer = self._router.handle(_request(request))
        except BodyCut as cut:
            raise requests.ConnectionError(ProtocolError("Connection aborted.", cut), request=request) from None
        _raise_unanswered(answer, request, read_timeout)
        return self._response(answer, request, read_timeout)

    def close(self) -> None:
        """Nothing is held."""

    def _response(self, answer: Response, request: PreparedRequest, read_timeout: float | None) -> requests.Response:
        headers = dict(answer.headers)
        if isinstance(answer.body, bytes) and not is_chunked(answer) and not _silently_cut(answer):
            headers["content-length"] = str(len(answer.body))
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(headers)
        response.encoding = get_encoding_from_headers(response.headers)
        # The body comes without the framing that "chunked" would announce.
        raw_headers = {name: value for name, value in headers.items() if name != "transfer-encoding"}
        body = io.BufferedReader(_Pieces(_timed(answer, read_timeout)))
        response.raw = HTTPResponse(
            body=body, headers=raw_headers, status=answer.status, preload_content=False, request_method=request.method
        )
        response.url = request.url or ""
        response.request = request
        return response


class _Pieces(io.RawIOBase):
    """An iterator of pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # the buffer's type is the base's
        if not self._rest:
            self._rest = next(self._pieces, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Iterated:
    """A request body that is an iterable of pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._file = io.BufferedReader(_Pieces(piece for piece in pieces if piece))

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


def _request(request: PreparedRequest) -> Request:
    parts = urlsplit(request.url or "")
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    headers.setdefault("host", parts.netloc)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(request.method or "GET", unquote(parts.path), query, headers, _body(request.body))


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _body(body: object) -> BodySource:
    if isinstance(body, str | bytes):
        return io.BytesIO(body.encode() if isinstance(body, str) else body)
    if isinstance(body, io.IOBase):
        return body
    return _Iterated(iter(body)) if isinstance(body, Iterable) else io.BytesIO()


def _raise_unanswered(answer: Response, request: PreparedRequest, read_timeout: float | None) -> None:
    fault = answer.transport
    if fault is None or fault.kind not in ("reset", "close", "hang"):
        return
    if fault.kind == "hang" and read_timeout is not None and fault.seconds >= read_timeout:
        raise requests.ReadTimeout(f"Read timed out. (read timeout={read_timeout})", request=request)
    cause = (
        ConnectionResetError(104, "Connection reset by peer") if fault.kind == "reset" else RemoteDisconnected(_CLOSED)
    )
    raise requests.ConnectionError(ProtocolError("Connection aborted.", cause), request=request)


def _timed(answer: Response, read_timeout: float | None) -> Iterator[bytes]:
    """The body's pieces, with the error at its end that a real connection would give."""
    fault = answer.transport
    for piece in body_pieces(answer):
        yield piece
        if fault and fault.kind == "drip" and read_timeout is not None and fault.seconds >= read_timeout:
            raise TimeoutError("timed out")
    if fault and fault.kind == "truncate":
        raise IncompleteRead(b"")


def _silently_cut(answer: Response) -> bool:
    return answer.transport is not None and answer.transport.kind == "truncate_silent"
