"""The HTTP calls alone: `python -m tests.benchmarks.bare_loop PROVIDER_URL LISTS THREADS`.

Each list is sent, its status is asked for and its result is downloaded, by so many threads with a connection each.
Nothing is written down, checked or tried again. Prints the seconds that it took.
"""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.builders.line import IPQS_KEY

#: Seconds until a call is given up.
TIMEOUT_SECONDS = 30.0
#: A user agent that the provider does not turn away.
AGENT = "bare-loop/1"


def rows_of(number: int) -> list[str]:
    """The values of one list."""
    return [f"person-{number}-{row}@example.com" for row in range(3)]


def main() -> None:
    """Send every list and fetch its result."""
    root, lists, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    api = f"{root}/ipqs/api/json/csv/{IPQS_KEY}"
    local = threading.local()

    def verify(number: int) -> None:
        session: requests.Session = local.__dict__.setdefault("session", requests.Session())
        session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "gzip"})
        files = {"file": ("rows.csv", "\n".join(rows_of(number)).encode(), "text/csv")}
        sent = session.post(f"{api}/email/upload", files=files, timeout=TIMEOUT_SECONDS).json()
        status = session.get(f"{api}/status/{sent['id']}", timeout=TIMEOUT_SECONDS).json()
        result = session.get(status["downloads"]["all"], timeout=TIMEOUT_SECONDS)
        result.raise_for_status()
        if result.content.count(b"\n") < len(rows_of(number)):
            raise RuntimeError(f"the result of list {number} is short: {result.text}")

    began_at = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(verify, range(lists)))
    print(time.perf_counter() - began_at)  # noqa: T201 - how its parent learns it


if __name__ == "__main__":
    main()
