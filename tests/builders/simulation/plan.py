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
#: States that last for few effects, and that other faults keep some runs from: they are aimed at twice as often.
BRIEF_STATES = frozenset(map(str, (PartState.FINISHED, PartState.COLLECTED)))
#: Faults that a seed plans.
FAULTS_PER_SEED = 10
#: Of so many seeds one has faults that take the evidence away.
SEEDS_PER_LOSS = 4
#: How often the accounts were used before.
USED_BEFORE_SHARE = 0.9
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
    """Every fault at every state at which it can strike."""
    return [(name, state) for name, fault in FAULTS.items() for state in STATES if fault.can_strike_at(state)]


def _targets(seed: int) -> list[tuple[str, str]]:
    """The cells that a seed aims at.

    In most seeds every fault leaves evidence, so that nothing may end in quarantine; in the others half of them do.
    """
    aims = [cell for cell in cells() for _ in range(2 if cell[1] in BRIEF_STATES else 1)]
    kept = [cell for cell in aims if FAULTS[cell[0]].leaves_evidence]
    lost = [cell for cell in aims if not FAULTS[cell[0]].leaves_evidence]
    number, place = divmod(seed, SEEDS_PER_LOSS)
    if place:
        return _next(kept, "kept", number * (SEEDS_PER_LOSS - 1) + place - 1, FAULTS_PER_SEED)
    half = FAULTS_PER_SEED // 2
    return _next(kept, "beside", number, half) + _next(lost, "lost", number, FAULTS_PER_SEED - half)


def _next(order: Sequence[tuple[str, str]], name: str, number: int, count: int) -> list[tuple[str, str]]:
    """The cells of draw `number`, `count` in each: all come before any comes again, each time in a new order."""
    found = []
    for index in range(number * count, (number + 1) * count):
        turn, place = divmod(index, len(order))
        found.append(_shuffled(tuple(order), f"{name} {turn}")[place])
    return found


@cache
def _shuffled(order: tuple[tuple[str, str], ...], name: str) -> Sequence[tuple[str, str]]:
    shuffled = [*order]
    Random(name).shuffle(shuffled)
    return shuffled


def _passes(chance: Random, fault: str) -> int:
    """Moments that are let pass: few for a fault that seldom has one."""
    return chance.choice(PASSED_MOMENTS if len(FAULTS[fault].at) > 1 else PASSED_MOMENTS[:4])


def _uploads(chance: Random, targets: Sequence[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """One or two short lists at which the targets can be struck: faults of one provider, parts that wait for others."""
    uploads = [(chance.choice(ACCOUNTS), chance.choice((1, 1, 2, 3))) for _ in range(chance.choice((1, 1, 2)))]
    if any(state == PartState.HELD for _, state in targets):
        uploads[0] = (uploads[0][0], 3)
    needed = {FAULTS[name].only_on for name, _ in targets if FAULTS[name].only_on} - {account for account, _ in uploads}
    return (*uploads, *((account, chance.choice((1, 2))) for account in sorted(needed)))


def plan_of(seed: int) -> Plan:
    """The plan of a seed. Seeds in a row aim at all cells equally often."""
    chance = Random(seed)
    targets = _targets(seed)
    uploads = _uploads(chance, targets)
    return Plan(
        seed=seed,
        injections=tuple(Injection(name, state, _passes(chance, name)) for name, state in targets),
        uploads=uploads,
        used_before=chance.random() < USED_BEFORE_SHARE,
        alike=len(uploads) > 1 and chance.random() < 0.3,
        workers=chance.choice((2, 2, 3)),
    )
