"""What is told of drift in a simulated run, and what of it is left when nothing goes wrong any more."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog

from worker.core.drift.classes import Handling
from worker.core.states import PartState
from worker.store.findings import read_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from tests.builders.simulation.world import World

#: Events of the log that are counted: a finding began, and it ended.
FOUND, GONE = "drift_found", "drift_gone"
#: What becomes of a finding that has to be over once nothing goes wrong any more.
ENDING = frozenset({Handling.MENDED, Handling.WATCHED})
#: Walks over each remote list that are made to find out.
WALKS = 4


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


def drift_left(world: World) -> list[str]:
    """Let the lists be walked, and tell of every finding that should be over by then.

    What is about a part in quarantine waits for a person with it.
    """
    until = world.clock.now() + WALKS * world.settings.reconcile_period_seconds
    while world.clock.now() < until or world.is_busy():
        world.turn()
    found = (finding for account in world.accounts for finding in read_findings(world.store, account).findings)
    return [
        f"{finding.drift} of {finding.subject} is there still: {finding.evidence}"
        for finding in found
        if finding.believed and finding.action in ENDING and not _waits_for_a_person(world, finding.subject)
    ]


def _waits_for_a_person(world: World, subject: str) -> bool:
    part = world.store.part(subject) if "/" in subject else None
    return part is not None and part.state is PartState.QUARANTINED
