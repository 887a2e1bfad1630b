"""What is to go wrong in one simulated run: which fault, at a part in which state, and how soon."""

from __future__ import annotations

from dataclasses import dataclass
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
FAULTS_PER_SEED = 6
#: Moments at which a fault could strike and that are let pass, at most.
PASSED_MOMENTS_MAX = 6


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


def cells() -> list[tuple[str, str]]:
    """Every fault at every state at which it can strike, in an order in which neighbours differ in both."""
    found = [(name, state) for state in STATES for name, fault in FAULTS.items() if state not in fault.never_at]
    return sorted(found, key=lambda cell: Random(f"{cell[0]} at {cell[1]}").random())  # noqa: S311 - no secret


def plan_of(seed: int) -> Plan:
    """The plan of a seed: its faults are the next ones in the order of all cells, so that many seeds strike each."""
    chance = Random(seed)  # noqa: S311 - no secret
    order = cells()
    targets = [order[(seed * FAULTS_PER_SEED + place) % len(order)] for place in range(FAULTS_PER_SEED)]
    accounts = ("ipqs-main", "whoisxml-main")
    uploads = tuple((chance.choice(accounts), chance.choice((1, 1, 2, 3))) for _ in range(chance.choice((1, 1, 2))))
    return Plan(
        seed=seed,
        injections=tuple(Injection(name, state, chance.randint(0, PASSED_MOMENTS_MAX)) for name, state in targets),
        uploads=uploads,
        used_before=chance.random() < 0.8,
        alike=len(uploads) > 1 and chance.random() < 0.3,
        workers=chance.choice((2, 2, 3)),
    )
