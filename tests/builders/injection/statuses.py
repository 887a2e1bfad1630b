"""How differences come about in where a job stands."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.builders.injection.world import HELD_AT, is_mended
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.injection.world import World
    from worker.core.records import PartRecord

#: Seconds in which the list may lag behind what was seen of a job, with those until the next sweep.
LAG_SECONDS = 3.0
#: Seconds after which a timer goes off that is lost.
LOST_SECONDS = 3_600.0
#: Seconds of a delay that never ends.
NEVER_SECONDS = 1e9


def timer_lost(world: World, part: PartRecord) -> Iterator[None]:
    """The time of the next look is lost while the job ends: it is seen with the next look at any other job."""
    due = world.records.store.key("due", part.account, "poll")
    world.redis.zadd(due, {part.part_id: time.time() + LOST_SECONDS}, xx=True)
    world.finish(part)
    yield from world.until(lambda: world.state_of(part) is not PartState.SUBMITTED)


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
    """The provider gives a job up, does it all the same later, and removes it at last if nobody mends that."""
    world.wanted(part.upload_id).gives_up_rows = True
    world.change(part, abort_at=0.0)
    aborted = world.caused(DriftClass.REMOTE_ABORTED, part.account, part.part_id)
    yield from world.until_dealt_with(aborted, lambda: world.state_of(part) is PartState.FAILED)
    world.finish(part, abort_at=None)
    case = world.caused(DriftClass.TERMINAL_DISAGREEMENT, part.account, part.part_id)
    yield from world.until_found(case)
    if not is_mended(case.drift):
        world.change(part, hidden=True)
    world.undone(case)
    yield from world.until_gone(case)


def stalled_remote(world: World, part: PartRecord) -> Iterator[None]:
    """A job makes no progress for long, where nobody knows how long such jobs take: other causes have held some."""
    known = world.records.store.key("durations", part.account, "*")
    case = world.caused(DriftClass.STALLED_REMOTE, part.account, part.part_id)
    for _ in world.until_found(case):
        for name in world.redis.scan_iter(known):
            world.redis.delete(name)
        yield
    world.undone(case)
    world.finish(part)
    yield from world.until_gone(case)
