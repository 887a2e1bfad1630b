"""What the installation logs of drift, read as it grows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from worker.core.drift.classes import DriftClass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Events of the log that tell of a finding, and whether it is there from then on.
_EVENTS = {"drift_found": True, "drift_gone": False}


class Told(NamedTuple):
    """A finding began, or it ended."""

    drift: DriftClass
    account: str
    subject: str
    found: bool


class DriftLog:
    """Follows the log of one installation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0

    def news(self) -> Iterator[Told]:
        """What was told since the last time; a line that is not whole yet is left for the next."""
        with self._path.open("rb") as log:
            log.seek(self._read_bytes)
            whole = log.read().rpartition(b"\n")[0]
        self._read_bytes += len(whole) + bool(whole)
        for line in whole.splitlines():
            # Of many lines few tell of drift, and only those are worth being read.
            if b'"drift_' in line and line.startswith(b"{"):
                entry = json.loads(line)
                if entry["event"] in _EVENTS:
                    drift, found = DriftClass(entry["class"]), _EVENTS[entry["event"]]
                    yield Told(drift, entry["account"], entry["subject"], found)
