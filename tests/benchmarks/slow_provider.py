"""A simulated IPQS whose every call takes a while: `python -m tests.benchmarks.slow_provider SECONDS_PER_CALL FOLDER`.

Jobs are done at once. It says its address on the first line of its output and serves until its input ends.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.builders.line import IPQS_KEY, WHOISXML_KEY
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

if TYPE_CHECKING:
    from worker.providers.sandbox.wire import Request, Response


class SlowIpqs(IpqsSandbox):
    """Answers like the simulator, later."""

    seconds_per_call: float

    def handle(self, request: Request) -> Response:
        """The answer to a request, after the seconds that a call takes; calls do not wait for each other."""
        time.sleep(self.seconds_per_call)
        return super().handle(request)


def main() -> None:
    """Serve until the input ends."""
    folder = Path(sys.argv[2])
    ipqs = SlowIpqs(key=IPQS_KEY, clock=Clock(), folder=folder / "ipqs")
    ipqs.seconds_per_call = float(sys.argv[1])
    whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=Clock(), folder=folder / "whoisxml")
    with SandboxServer(ipqs, whoisxml) as server:
        print(server.base_url, flush=True)  # noqa: T201 - how its parent learns the address
        sys.stdin.read()


if __name__ == "__main__":
    main()
