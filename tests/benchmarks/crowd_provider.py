"""The simulated provider of a crowd, as a process: `python -m tests.benchmarks.crowd_provider PARTS MOMENT FOLDER`.

It holds one running job for each upload of the crowd, says its addresses, one for each account, on the first line of
its output, and how many calls of which operation it has answered on every further line that it is asked for (a line on
its input).
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from pathlib import Path

from tests.benchmarks.crowd import FIRST_REMOTE_ID, ROWS, Crowd
from tests.builders.line import IPQS_KEY, WHOISXML_KEY
from worker.providers.sandbox.clock import Clock
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.providers.sandbox.jobs import Job
from worker.providers.sandbox.server import SandboxServer
from worker.providers.sandbox.values import Spool
from worker.providers.sandbox.whoisxml import WhoisXmlSandbox

#: Seconds that each job takes: a few end while the crowd is watched.
JOB_SECONDS = 9_000.0


def main() -> None:
    """Serve until the input ends."""
    crowd, moment, folder = Crowd(int(sys.argv[1])), float(sys.argv[2]), Path(sys.argv[3])
    ipqs = IpqsSandbox(key=IPQS_KEY, clock=Clock(), folder=folder / "ipqs")
    whoisxml = WhoisXmlSandbox(key=WHOISXML_KEY, clock=Clock(), folder=folder / "whoisxml")
    values = folder / "values.csv"
    values.write_text("".join(f"person-{row}@example.com\n" for row in range(ROWS)), encoding="utf-8")
    spool = Spool(values, Counter(processed=ROWS))
    for number in range(crowd.parts):
        began_at = moment - crowd.age_seconds(number)
        remote_id = FIRST_REMOTE_ID + number
        whoisxml.jobs[remote_id] = Job(remote_id, "", "", spool, began_at, began_at, JOB_SECONDS)
    with contextlib.ExitStack() as servers:
        addresses = [servers.enter_context(SandboxServer(ipqs, whoisxml)).base_url for _ in crowd.accounts]
        print(json.dumps(addresses), flush=True)  # noqa: T201 - how its parent learns the addresses
        for _ in sys.stdin:
            print(json.dumps(dict(whoisxml.calls)), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
