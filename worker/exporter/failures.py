"""What the exporter could not read: counted every time, logged when it begins and when it ends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, get_args

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

log = structlog.get_logger(__name__)

#: What is read: the two databases, the outcome counters in the first one, and the files of the processes.
Source = Literal["state", "broker", "counters", "processes"]


class Failures:
    """Counts failures by source. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[Source, int] = dict.fromkeys(get_args(Source), 0)
        self._failing: set[Source] = set()

    def totals(self) -> Mapping[Source, int]:
        """Failures so far by source; every source is there."""
        with self._lock:
            return dict(self._totals)

    def failed(self, source: Source, reason: str) -> None:
        """Count a failure to read `source`."""
        with self._lock:
            self._totals[source] += 1
            began = source not in self._failing
            self._failing.add(source)
        if began:
            log.warning("exporter_source_failing", source=source, reason=reason)

    def worked(self, source: Source) -> None:
        """`source` was read."""
        with self._lock:
            ended = source in self._failing
            self._failing.discard(source)
        if ended:
            log.info("exporter_source_back", source=source)
