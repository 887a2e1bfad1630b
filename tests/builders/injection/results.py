"""How differences come about in what a job has brought."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.builders.injection.statuses import unfetchable
from tests.builders.injection.world import is_mended
from worker.actors.names import result_name
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.injection.world import World
    from worker.core.records import PartRecord

#: Seconds since which a job is made to seem done: longer than the documented retention of results, a week.
LONG_AGO_SECONDS = 8 * 86_400.0


def hollow_success(world: World, part: PartRecord) -> Iterator[None]:
    """A job is done, and its result is empty."""
    yield from _loses_rows(world, part, DriftClass.HOLLOW_SUCCESS, every=1)


def row_mismatch(world: World, part: PartRecord) -> Iterator[None]:
    """A job's result lacks some rows."""
    yield from _loses_rows(world, part, DriftClass.ROW_MISMATCH, every=2)


def _loses_rows(world: World, part: PartRecord, drift: DriftClass, every: int) -> Iterator[None]:
    world.wanted(part.upload_id).gives_up_rows = True
    world.finish(part, missing_row_every=every)
    case = world.caused(drift, part.account, part.part_id)
    yield from world.until_found(case)
    world.change(part, missing_row_every=0)
    world.undone(case)
    yield from world.until_gone(case)


def uncollected_result(world: World, part: PartRecord) -> Iterator[None]:
    """The result of a job that is done cannot be had for a while."""
    yield from unfetchable(world, part)
    case = world.caused(DriftClass.UNCOLLECTED_RESULT, part.account, part.part_id)
    yield from world.until_found(case)
    world.change(part, status_delay_seconds=0.0)
    world.undone(case)
    yield from world.until_gone(case)


def result_expired(world: World, part: PartRecord) -> Iterator[None]:
    """A result could not be had for longer than it is kept; then it is there after all, and a person asks for it."""
    yield from unfetchable(world, part)
    case = world.caused(DriftClass.RESULT_EXPIRED, part.account, part.part_id)
    long_ago = time.time() - LONG_AGO_SECONDS
    while (now := world.part(part)) is not None and now.state is PartState.FINISHED:
        # Whoever had read the record before writes the time anew.
        if now.remote_finished_at != long_ago:
            world.rewrite(part, remote_finished_at=long_ago)
        yield
    world.change(part, status_delay_seconds=0.0)
    yield from world.until_found(case)
    world.command("retry", part.upload_id)
    world.undone(case)
    yield from world.until_gone(case)


def missing_artifact(world: World) -> Iterator[None]:
    """The result of an upload is gone from storage, and comes back from a backup if nobody mends that."""
    yield from world.until(world.completed)
    wanted = world.chance.choice(world.completed())
    world.taken.add(wanted.upload_id)
    path = world.site.storage / result_name(wanted.upload_id)
    backup = path.with_name("backup")
    path.rename(backup)
    case = world.caused(DriftClass.MISSING_ARTIFACT, wanted.account, wanted.upload_id)
    yield from world.until_found(case)
    if not is_mended(case.drift):
        backup.replace(path)
    world.undone(case)
    yield from world.until_gone(case)
    backup.unlink(missing_ok=True)
