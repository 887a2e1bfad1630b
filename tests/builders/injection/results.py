"""How differences come about in what a job has brought."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from tests.builders.chaos.load import TURNS
from tests.builders.injection.statuses import unfetchable
from tests.builders.injection.world import ACCOUNTS, is_mended
from worker.actors.names import result_name
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.chaos.load import Wanted
    from tests.builders.injection.world import Case, World
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


def schema_drift(world: World) -> Iterator[None]:
    """The provider gives results a column more for a while, whatever kind they are of."""
    account = ACCOUNTS["ipqs"]
    kinds = sorted({kind for of_account, kind, _, _ in TURNS if of_account == account})
    world.sandbox.set_knobs("ipqs", extra_columns=["moon"])
    cases = [world.caused(DriftClass.SCHEMA_DRIFT, account, kind) for kind in kinds]
    for case in cases:
        yield from world.until_found(case)
    world.sandbox.set_knobs("ipqs", extra_columns=[])
    for case in cases:
        world.undone(case)
    for case in cases:
        yield from world.until_gone(case)


def result_changed(world: World) -> Iterator[None]:
    """Storage has lost a result and the verdicts that it was made of, and the next download has another order."""
    yield from world.until(lambda: _in_order(world))
    wanted = world.chance.choice(_in_order(world))
    world.taken.add(wanted.upload_id)
    part = next(iter(world.records.parts(wanted.upload_id)))
    lost = world.caused(DriftClass.MISSING_ARTIFACT, wanted.account, wanted.upload_id)
    changed = world.caused(DriftClass.RESULT_CHANGED, wanted.account, part.part_id)
    world.sandbox.set_knobs("ipqs", reorder_rows=True)
    for name in (result_name(wanted.upload_id), part.verdicts_object or ""):
        (world.site.storage / name).unlink()
    yield from world.until_found(lost)
    yield from world.until_found(changed)
    world.sandbox.set_knobs("ipqs", reorder_rows=False)
    for case in (lost, changed):
        world.undone(case)
        yield from world.until_gone(case)


def _in_order(world: World) -> list[Wanted]:
    """Lists whose results were downloaded while none came in another order."""
    before = [case for case in world.cases if case.drift is DriftClass.RESULT_CHANGED]
    return [
        wanted
        for wanted in world.completed()
        if wanted.account == ACCOUNTS["ipqs"]
        if not any(_overlap(wanted, case) for case in before)
    ]


def _overlap(wanted: Wanted, case: Case) -> bool:
    began_at, ended_at = wanted.first_asked_at, wanted.completed_at or math.inf
    return case.caused_at <= ended_at and began_at <= (case.undone_at or math.inf)


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
