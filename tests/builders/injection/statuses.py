"""How differences come about in where a job stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.builders.injection.world import HELD_AT
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.injection.world import World
    from worker.core.records import PartRecord

#: Seconds in which the list may lag behind what was seen of a job, with those until the next sweep.
LAG_SECONDS = 3.0
#: Seconds by which a lost timer goes off too late, and before now at which it should have gone off.
LOST_SECONDS, OVERDUE_SECONDS = 3_600.0, 30.0
#: Seconds of a delay that never ends.
NEVER_SECONDS = 1e9


def timer_lost(world: World, part: PartRecord) -> Iterator[None]:
    """A job ends, and nobody looks: its time in the index of what is due is another than in its record."""
    now = time.time()
    key, redis = world.records.store.key, world.redis
    case = world.caused(DriftClass.STALE_LOCAL, part.account, part.part_id)
    # Whoever looks at the part meanwhile writes its time anew.
    while not case.found_at and world.state_of(part) is PartState.SUBMITTED:
        world.rewrite(part, due_at=now - OVERDUE_SECONDS)
        redis.zadd(key("due", part.account, "poll"), {part.part_id: now + LOST_SECONDS}, xx=True)
        if case.undone_at is None:
            world.finish(part)
            world.undone(case)
        yield
    yield from world.until_found(case)
    yield from world.until_gone(case)


def status_regression(world: World, part: PartRecord) -> Iterator[None]:
    """A job was done, its result cannot be had, and then it is under way again for a while."""
    yield from unfetchable(world, part)
    yield from world.until(lambda: False, LAG_SECONDS)
    world.change(part, stall_at=HELD_AT)
    case = world.caused(DriftClass.STATUS_REGRESSION, part.account, part.part_id)
    yield from world.until_found(case)
    world.finish(part, status_delay_seconds=0.0)
    world.undone(case)
    yield from world.until_gone(case)


def unfetchable(world: World, part: PartRecord) -> Iterator[None]:
    """The list shows the part's job as done, and asking for it by its id brings nothing: its result waits."""
    world.finish(part, status_delay_seconds=NEVER_SECONDS)
    yield from world.until(lambda: world.state_of(part) is PartState.FINISHED)


def unknown_status(world: World, part: PartRecord) -> Iterator[None]:
    """The provider tells a new word of jobs that are under way."""
    world.sandbox.set_knobs(part.provider, processing_word="ON_HOLD")
    case = world.caused(DriftClass.UNKNOWN_STATUS, part.account, part.part_id)
    yield from world.until_found(case)
    world.sandbox.set_knobs(part.provider, processing_word="PROCESSING")
    world.undone(case)
    yield from world.until_gone(case)
    world.finish(part)


def remote_aborted(world: World, part: PartRecord) -> Iterator[None]:
    """The provider gives a job up, does it all the same later, and removes it at last."""
    world.wanted(part.upload_id).gives_up_rows = True
    world.change(part, abort_at=0.0)
    aborted = world.caused(DriftClass.REMOTE_ABORTED, part.account, part.part_id)
    yield from world.until(lambda: world.state_of(part) is PartState.FAILED)
    # Where a look was quicker than a sweep, the part has failed for it, and there is nothing left to differ.
    aborted.found_at = aborted.found_at or time.monotonic()
    aborted.gone_at = aborted.gone_at or time.monotonic()
    world.undone(aborted)
    world.finish(part, abort_at=None)
    case = world.caused(DriftClass.TERMINAL_DISAGREEMENT, part.account, part.part_id)
    yield from world.until_found(case)
    world.change(part, hidden=True)
    world.undone(case)
    yield from world.until_gone(case)


def stalled_remote(world: World, part: PartRecord) -> Iterator[None]:
    """A job makes no progress for long."""
    case = world.caused(DriftClass.STALLED_REMOTE, part.account, part.part_id)
    yield from world.until_found(case)
    world.undone(case)
    world.finish(part)
    yield from world.until_gone(case)
