"""What is looked at when faults have ended and every upload has come to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders.simulation.scene import SECOND_CHARGE, Broken
from worker.core.drift.classes import Handling
from worker.core.states import PartState
from worker.store.findings import read_findings

if TYPE_CHECKING:
    from tests.builders.simulation.world import World

#: What becomes of a finding that has to be over once nothing goes wrong any more.
ENDING = frozenset({Handling.MENDED, Handling.WATCHED})
#: Walks over each remote list that are made before second charges, and then findings, are counted.
WALKS_FOR_CHARGES, WALKS_FOR_DRIFT = 3, 4


def second_charges(world: World) -> int:
    """Show every job that was hidden, let the lists be walked, and count second charges.

    Raises `Broken` when there is one that nobody has noticed.
    """
    for provider in (world.ipqs, world.whoisxml):
        for job in provider.jobs.values():
            job.list_delay_seconds = job.status_delay_seconds = 0.0
    _walk(world, WALKS_FOR_CHARGES)
    doubled = [told for told in world.invariants.broken() if SECOND_CHARGE in told]
    # Where jobs have no names, a second one is seen in the list and cannot be told from a stranger's.
    named = [told for told in doubled if told.startswith("ipqs")]
    noticed: Any = world.redis.hget(world.store.key("counters"), "drift|duplicate_remote")
    if len(named) > int(noticed or 0):
        raise Broken(f"charged twice, and not noticed: {named}")
    return len(doubled)


def _walk(world: World, walks: int) -> None:
    """Let that many walks over each remote list be made, with whatever they bring."""
    until = world.clock.now() + walks * world.settings.reconcile_period_seconds
    while world.clock.now() < until or world.is_busy():
        world.turn()


def drift_left(world: World) -> list[str]:
    """Let the lists be walked, and tell of every finding that should be over by then.

    What is about a part in quarantine waits for a person with it.
    """
    _walk(world, WALKS_FOR_DRIFT)
    found = (finding for account in world.accounts for finding in read_findings(world.store, account).findings)
    return [
        f"{finding.drift} of {finding.subject} is there still: {finding.evidence}"
        for finding in found
        if finding.believed and finding.action in ENDING and not _waits_for_a_person(world, finding.subject)
    ]


def _waits_for_a_person(world: World, subject: str) -> bool:
    part = world.store.part(subject) if "/" in subject else None
    return part is not None and part.state is PartState.QUARANTINED
