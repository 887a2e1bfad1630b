"""One real poller process whose looks are timed one by one: `python -m tests.benchmarks.watched_poller FILE`.

Everything is `bulkverify run poller`, with the settings of the environment. On its end FILE gets, as 64-bit floats, by
how many seconds each look came after it was due: a histogram's buckets are too wide for a percentile.
"""

from __future__ import annotations

import sys
from array import array
from pathlib import Path

from config.settings import Settings
from worker.metrics import Metrics
from worker.processes import run_poller


def main() -> None:
    """Poll until told to stop (SIGTERM)."""
    latenesses = array("d")
    counted = Metrics.poll_lateness

    def timed(metrics: Metrics, *, provider: str, account: str, seconds: float) -> None:
        latenesses.append(seconds)
        counted(metrics, provider=provider, account=account, seconds=seconds)

    Metrics.poll_lateness = timed  # type: ignore[method-assign,assignment]  # the figures of this process alone
    run_poller(Settings.load())
    Path(sys.argv[1]).write_bytes(latenesses.tobytes())


if __name__ == "__main__":
    main()
