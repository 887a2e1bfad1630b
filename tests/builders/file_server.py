"""The files of a folder on loopback, for what fetches a list by its URL; it remembers what it was asked for."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

#: What every link holds beside the file's name, as a link to a private file does.
LINK_SECRET = "s1gnatureOfALinkThatNobodyMaySee"


class FileServer:
    """A context: gives every file of `folder` to whoever has its link."""

    def __init__(self, folder: Path) -> None:
        #: Targets of the requests that came, in their order.
        self.heard: list[str] = []
        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), partial(_handler(self.heard), directory=str(folder)))
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), daemon=True)

    def url_of(self, path: Path) -> str:
        """The link to a file of the folder, signed."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}/{path.name}?signature={LINK_SECRET}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()


def _handler(heard: list[str]) -> type[SimpleHTTPRequestHandler]:
    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
