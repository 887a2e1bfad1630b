"""How differences come about in what jobs cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.injection.world import ACCOUNTS
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.injection.world import World

#: Credits that somebody else spends, and that a part at its end holds.
FOREIGN_CREDITS, LEAKED_CREDITS = 5_000, 7


def ledger_drift(world: World) -> Iterator[None]:
    """Credits are gone that nobody here has spent, and the provider gives them back."""
    account = ACCOUNTS["whoisxml"]
    before = world.sandbox.credits("whoisxml")
    world.sandbox.set_knobs("whoisxml", credits=before - FOREIGN_CREDITS)
    case = world.caused(DriftClass.LEDGER_DRIFT, account, account)
    yield from world.until_found(case)
    world.sandbox.set_knobs("whoisxml", credits=before)
    world.undone(case)
    yield from world.until_gone(case)


def reservation_leak(world: World) -> Iterator[None]:
    """A part at its end still holds credits, as an older program might have left it."""
    yield from world.until(world.completed)
    wanted = world.chance.choice(world.completed())
    world.taken.add(wanted.upload_id)
    part = world.chance.choice(world.records.parts(wanted.upload_id))
    if part.state is PartState.COLLECTED:
        world.rewrite(part, {"reserved": LEAKED_CREDITS}, credits_reserved=LEAKED_CREDITS)
        case = world.caused(DriftClass.RESERVATION_LEAK, part.account, part.part_id)
        yield from world.until_found(case)
        world.undone(case)
        yield from world.until_gone(case)
