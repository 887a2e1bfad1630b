"""What is to go wrong in one simulated run: which fault, at a part in which state, and how soon."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from tests.builders.simulation.faults import FAULTS, UNSPLIT
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The states of a part while faults are injected, beside that of an upload that has no parts yet.
STATES: Sequence[str] = (
    UNSPLIT,
    *map(
        str,
        (
            PartState.PENDING,
            PartState.HELD,
            PartState.INTENT,
            PartState.SUBMITTED,
            PartState.FINISHED,
            PartState.COLLECTED,
        ),
    ),
)
#: Faults that a seed plans at most; the next seed goes on where this one ends.
FAULTS_PER_SEED = 8
#: Moments at which a fault could strike and that are let pass, one of these numbers of them.
PASSED_MOMENTS = (0, 0, 0, 1, 2, 4, 7)
#: The accounts of both providers.
ACCOUNTS = ("ipqs-main", "whoisxml-main")


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault: it strikes a step that is about a part in `state`, after `passes` moments at which it could have."""

    fault: str
    state: str
    passes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: everything in it follows from these."""

    seed: int
    injections: tuple[Injection, ...]
    #: Parts of each upload, and the account that it goes to.
    uploads: tuple[tuple[str, int], ...]
    #: Whether the accounts were used before: names are known to be echoed, and jobs are known to be theirs.
    used_before: bool = True
    #: Whether the first two uploads are lists of the same values.
    alike: bool = False
    workers: int = 2


@cache
def cells() -> list[tuple[str, str]]:
    """Every fault at every state at which it can strike, in an order in which neighbours differ in both."""
    found = [(name, state) for state in STATES for name, fault in FAULTS.items() if state not in fault.never_at]
    return sorted(found, key=lambda cell: Random(f"{cell[0]} at {cell[1]}").random())


def _uploads(chance: Random, targets: Sequence[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """One or two short lists at which the targets can be struck: faults of one provider, parts that wait for others."""
    uploads = [(chance.choice(ACCOUNTS), chance.choice((1, 1, 2, 3))) for _ in range(chance.choice((1, 1, 2)))]
    if any(state == PartState.HELD for _, state in targets):
        uploads[0] = (uploads[0][0], 3)
    needed = {FAULTS[name].only_on for name, _ in targets if FAULTS[name].only_on} - {account for account, _ in uploads}
    return (*uploads, *((account, chance.choice((1, 2))) for account in sorted(needed)))


def plan_of(seed: int) -> Plan:
    """The plan of a seed: its faults are the next ones in the order of all cells, so that many seeds strike each."""
    chance = Random(seed)
    order = cells()
    targets = [order[(seed * FAULTS_PER_SEED + place) % len(order)] for place in range(FAULTS_PER_SEED)]
    uploads = _uploads(chance, targets)
    return Plan(
        seed=seed,
        injections=tuple(Injection(name, state, chance.choice(PASSED_MOMENTS)) for name, state in targets),
        uploads=uploads,
        used_before=chance.random() < 0.8,
        alike=len(uploads) > 1 and chance.random() < 0.3,
        workers=chance.choice((2, 2, 3)),
    )
