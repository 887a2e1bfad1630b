"""A server that takes every object whatever its condition: a store on which lists would be paid for twice."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.builders.loopback_server import LoopbackServer

EMPTY_LISTING = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'


class UnconditionalStore(LoopbackServer):
    """Says yes to every write, and that nothing is there."""

    def __init__(self) -> None:
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _Handler))

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Take it."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(b"")

    def do_GET(self) -> None:
        """List nothing."""
        self._answer(EMPTY_LISTING)

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
