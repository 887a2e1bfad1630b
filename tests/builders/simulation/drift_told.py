"""What is told of drift in a simulated run."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

#: Events of the log that are counted: a finding began, and it ended.
FOUND, GONE = "drift_found", "drift_gone"


@contextlib.contextmanager
def drift_noted() -> Iterator[Counter[tuple[str, str]]]:
    """Log nothing, but yield the number of findings that have begun and ended, by event and class.

    A run writes some hundred lines, and its trail tells more.
    """
    noted: Counter[tuple[str, str]] = Counter()

    def note(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event["event"] in {FOUND, GONE}:
            noted[event["event"], event["class"]] += 1
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        yield noted
    finally:
        structlog.configure(**before)
