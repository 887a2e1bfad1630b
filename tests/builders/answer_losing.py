"""A proxy before a real S3 server that has everything done as it was asked, and loses answers."""

from __future__ import annotations

import http.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.builders.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import Callable


class AnswerLosing(LoopbackServer):
    """Passes every request on as it is; `loses(method, number)` tells whether the answer to it is lost."""

    def __init__(self, endpoint: str, loses: Callable[[str, int], bool]) -> None:
        self.requests: list[str] = []
        self._upstream = urlsplit(endpoint).netloc
        self._loses = loses
        listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        listener.daemon_threads = True
        super().__init__(listener)

    @property
    def endpoint(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.port}"

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        """Have a request done, and answer it unless the answer is to be lost."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        connection = http.client.HTTPConnection(self._upstream, timeout=20)
        connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in handler.headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        self.requests.append(handler.command)
        handler.close_connection = True
        if not self._loses(handler.command, len(self.requests)):
            handler.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    handler.send_header(name, value)
            length = answer.getheader("Content-Length", "0") if handler.command == "HEAD" else str(len(content))
            handler.send_header("Content-Length", length)
            handler.end_headers()
            handler.wfile.write(content)
        connection.close()


def _handler_of(proxy: AnswerLosing) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            """Pass it on."""
            proxy.pass_on(self)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any  # noqa: N815 - the names are the library's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
