"""A host of lists that repeats what it is asked, says secrets of its own, and leads to links that hold them."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.builders.loopback_server import LoopbackServer

#: What it serves where it does what it is for.
LIST = b"pulled@example.com\nother@example.com\n"


class ListHost(LoopbackServer):
    """A context: what a host does is the first step of the path; `secret` is in whatever it says that is no list.

    `given` is the list, always · `moved` is the list for the first who asks, afterwards as `elsewhere` · `elsewhere`
    redirects to a signed link · `refused` is a page that repeats the request · `cut` is half a list.
    """

    def __init__(self, secret: str) -> None:
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), _handler(secret)))

    @property
    def place(self) -> str:
        """Its `host:port`."""
        return f"127.0.0.1:{self.port}"


def _handler(secret: str) -> type[BaseHTTPRequestHandler]:
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            does = self.path.split("/")[1]
            if does == "given" or (does == "moved" and self.path not in seen):
                self._say(HTTPStatus.OK, LIST)
            elif does == "cut":
                self._say(HTTPStatus.OK, LIST, length=2 * len(LIST))
            elif does == "refused":
                self._say(HTTPStatus.FORBIDDEN, f"{self.path} {self.headers} {secret}".encode())
            else:
                self._say(HTTPStatus.FOUND, secret.encode(), Location=f"https://files.example/list?signature={secret}")
            seen.add(self.path)

        def _say(self, status: HTTPStatus, body: bytes, length: int | None = None, **headers: str) -> None:
            """Answer; a secret is in the words of the status line, too."""
            self.send_response(status, "OK" if status is HTTPStatus.OK else f"see {secret}")
            headers |= {"Content-Length": str(length or len(body)), "Set-Cookie": f"session={secret}"}
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
