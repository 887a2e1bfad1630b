"""Adds up what all processes of this machine have counted, also those that have ended."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric

    from worker.exporter.failures import Failures

#: What reading a damaged file can raise.
_DAMAGE = (OSError, RuntimeError, TypeError, ValueError, struct.error)


class ProcessCollector(Collector):
    """The counters and histograms in the files of a folder; one damaged file costs its own figures and no others.

    Files of ended processes stay and count on, because a counter must not fall. There are no gauges among them, so
    nothing has to be taken back when a process ends.
    """

    def __init__(self, folder: Path, failures: Failures) -> None:
        """`folder` is the one that `PROMETHEUS_MULTIPROC_DIR` names to the processes; it may be absent."""
        self._folder = folder
        self._failures = failures

    def describe(self) -> Iterable[Metric]:
        """Nothing: being registered must not read files."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The sums of this moment."""
        files = [str(file) for file in sorted(self._folder.glob("*.db")) if _size_bytes(file)]
        try:
            sums = _merged(files)
        except _DAMAGE:
            return _merged([file for file in files if self._whole(file)])
        self._failures.worked("processes")
        return sums

    def _whole(self, file: str) -> bool:
        try:
            _merged([file])
        except _DAMAGE:
            self._failures.failed("processes", f"{file} is damaged; delete it when its process has ended")
            return False
        return True


def _merged(files: list[str]) -> Iterable[Metric]:
    sums: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]  # as the library is
    return sums


def _size_bytes(file: Path) -> int:
    """0 for a file that is being created, or that was removed just now."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
