"""A provider that costs nothing, as a process: `python -m tests.benchmarks.loopback_provider RESULT`.

It throws away what is sent to it, says that its only job has ended, and gives the file RESULT as that job's result, so
fast that what is measured is the other end. Its address, the root of the API, is the first line of its output; it
serves until its input ends.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measured_step import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes taken from the network at a time.
BLOCK_BYTES = 1024 * 1024
#: Where the result is, below the root of the API.
RESULT_PATH = "/result.csv"


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    result: Path

    def do_POST(self) -> None:
        """Take a list, and drop it."""
        left_bytes = int(self.headers["Content-Length"])
        block = memoryview(bytearray(BLOCK_BYTES))
        while left_bytes and (taken := self.rfile.readinto1(block[:left_bytes])):
            left_bytes -= taken
        self._say({"success": True, "message": "Success", "id": 1, "status": "PROCESSING"})

    def do_GET(self) -> None:
        """Give the result, or say where it is."""
        if self.path == RESULT_PATH:
            self._head("text/csv", self.result.stat().st_size)
            with self.result.open("rb") as file:
                self.connection.sendfile(file)
            return
        link = f"http://{self.headers['Host']}{RESULT_PATH}"
        self._say({"success": True, "message": "Success", "id": 1, "status": "FINISHED", "downloads": {"all": link}})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name for it
        """Nothing: it would be printed."""

    def _say(self, document: dict[str, object]) -> None:
        text = json.dumps(document).encode()
        self._head("application/json", len(text))
        self.wfile.write(text)

    def _head(self, content_type: str, size_bytes: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(size_bytes))
        self.end_headers()


@contextlib.contextmanager
def loopback_provider(result: Path) -> Iterator[str]:
    """The root of the provider's API, while its process runs."""
    command = [sys.executable, "-m", "tests.benchmarks.loopback_provider", str(result)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def main() -> None:
    """Serve until the input ends."""
    Handler.result = Path(sys.argv[1])
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - how its parent learns the address
        with contextlib.suppress(KeyboardInterrupt):  # its parent is interrupted too, and closes the input
            sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
