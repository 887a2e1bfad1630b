"""Adds up what all processes of this machine have counted, also those that have ended."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from worker.exporter.ended import DAMAGE, EndedProcesses

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric

    from worker.exporter.failures import Failures


class ProcessCollector(Collector):
    """The counters and histograms in the files of a folder; one damaged file costs its own figures and no others.

    Those of ended processes count on, because a counter must not fall; see `EndedProcesses` for how they stay few.
    There are no gauges among them, so nothing has to be taken back when a process ends.
    """

    def __init__(self, folder: Path, failures: Failures) -> None:
        """`folder` is the one that `PROMETHEUS_MULTIPROC_DIR` names to the processes; it may be absent."""
        self._folder = folder
        self._ended = EndedProcesses(folder)
        self._failures = failures

    def describe(self) -> Iterable[Metric]:
        """Nothing: being registered must not read files."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The sums of this moment."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(self._ended.folded())
            except OSError as error:
                self._failures.failed("processes", f"files of ended processes could not be folded: {error}")
            return self._sums()

    def _sums(self) -> Iterable[Metric]:
        files = [str(file) for file in sorted(self._folder.glob("*.db")) if _size_bytes(file)]
        try:
            sums = _merged(files)
        except DAMAGE:
            return _merged([file for file in files if self._whole(file)])
        self._failures.worked("processes")
        return sums

    def _whole(self, file: str) -> bool:
        try:
            _merged([file])
        except DAMAGE:
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
