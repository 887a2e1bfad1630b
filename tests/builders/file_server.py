"""The files of a folder on loopback, for what fetches a list by its URL; it remembers what it was asked for."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.builders.loopback_server import LoopbackServer

if TYPE_CHECKING:
    from pathlib import Path

#: What every link holds beside the file's name, as a link to a private file does.
LINK_SECRET = "s1gnatureOfALinkThatNobodyMaySee"


class FileServer(LoopbackServer):
    """A context: gives every file of `folder` to whoever has its link."""

    def __init__(self, folder: Path) -> None:
        #: Targets of the requests that came, in their order.
        self.heard: list[str] = []
        super().__init__(ThreadingHTTPServer(("127.0.0.1", 0), partial(_handler(self.heard), directory=str(folder))))

    def url_of(self, path: Path) -> str:
        """The link to a file of the folder, signed."""
        return f"http://127.0.0.1:{self.port}/{path.name}?signature={LINK_SECRET}"


def _handler(heard: list[str]) -> type[SimpleHTTPRequestHandler]:
    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
