"""What `systemctl` does with the units of an installation, done to the processes of a `bulkverify up`.

Called with the log of that `up`, a verb and units. `restart` asks a process to end, and to go on if it was stopped, as
systemd does; it returns when the supervisor has another one in its place. `status` tells which processes there are.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

#: The processes that have units.
NAMES = ("intake", "worker", "poller", "exporter")
#: Seconds until a process has to have another one in its place.
RESTART_SECONDS = 30.0
#: Seconds between two looks into the log.
LOOK_SECONDS = 0.05
#: What `systemctl` ends with when it was asked for what it does not do.
UNKNOWN = 1


def newest(log: Path) -> dict[str, int]:
    """The newest process of each name."""
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
    started = (entry for entry in entries if entry["event"] == "process_started")
    return {entry["process"]: entry["pid"] for entry in started if entry["process"] in NAMES}


def restart(log: Path, name: str) -> None:
    """End a process of that name, and return when the next one has started."""
    ended = newest(log)[name]
    os.kill(ended, signal.SIGTERM)
    os.kill(ended, signal.SIGCONT)
    give_up = time.monotonic() + RESTART_SECONDS
    while newest(log)[name] == ended:
        if time.monotonic() > give_up:
            sys.exit(f"{name} was not started again within {RESTART_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


def main() -> None:
    """Do as the command line says."""
    log, verb, *units = sys.argv[1:]
    names = [found[1] for unit in units if (found := re.fullmatch(r"bulkverify-([a-z]+)(?:@[^@]*)?", unit))]
    match verb:
        case "restart":
            for name in names:
                restart(Path(log), name)
        case "list-units":
            for name, pid in sorted(newest(Path(log)).items()):
                sys.stdout.write(f"bulkverify-{name} loaded active running {pid}\n")
        case _:
            sys.exit(UNKNOWN)


if __name__ == "__main__":
    main()
