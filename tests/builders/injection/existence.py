"""How differences come about in whether there is a job, and whose it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.injection.world import ACCOUNTS
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.injection.world import World
    from worker.core.records import PartRecord

#: Seconds until the list shows a job whose submit was not answered: longer than its attempt lasts, and well within the
#: time in which it may still appear.
LATE_SECONDS = 6.0
#: Seconds after which an application asks again for what nobody knows: the list is looked at before that.
PATIENT_SECONDS = 60.0
#: Seconds in which a provider takes an equal list for the one that it has.
JOINED_SECONDS = 60.0


def unresolved_attempt(world: World) -> Iterator[None]:
    """A submit is accepted and not answered, and its job takes a while to appear in the list."""
    sandbox = world.sandbox
    sandbox.set_knobs("ipqs", job_list_delay_seconds=LATE_SECONDS)
    sandbox.break_next("ipqs", "submit", "answer_lost")
    yield from world.until(lambda: not sandbox.faults_left("ipqs"))
    sandbox.set_knobs("ipqs", job_list_delay_seconds=0.0)
    yield from world.until(lambda: _open_attempts(world))
    part = next(iter(_open_attempts(world)), None)
    if part is None:
        return
    case = world.caused(DriftClass.UNRESOLVED_ATTEMPT, part.account, part.part_id)
    yield from world.until(lambda: case.found_at or world.state_of(part) is not PartState.INTENT)
    world.undone(case)
    yield from world.until_gone(case)


def _open_attempts(world: World) -> list[PartRecord]:
    moving = [each.upload_id for each in world.site.load.moving if each.account == ACCOUNTS["ipqs"]]
    parts = world.records.parts(*moving)
    return [part for part in parts if part.state is PartState.INTENT and part.lease is None]


def orphan_remote(world: World, caught: PartRecord) -> Iterator[None]:
    """Redis has lost the records of an upload whose job is under way."""
    part = world.part(caught) or caught
    world.site.load.wait_longer(world.wanted(part.upload_id), PATIENT_SECONDS)
    _forget(world, part)
    case = world.caused(DriftClass.ORPHAN_REMOTE, part.account, str(part.remote_id))
    yield from world.until_found(case)
    world.undone(case)
    yield from world.until(lambda: world.state_of(caught) is PartState.SUBMITTED)
    world.finish(caught)
    yield from world.until_gone(case)


def _forget(world: World, part: PartRecord) -> None:
    """Remove an upload of one part from Redis with all that follows from it, as if it had never been written there."""
    key, upload_id = world.records.store.key, part.upload_id
    upload = world.records.upload(upload_id)
    assert upload is not None, upload_id
    pipeline = world.redis.pipeline()
    pipeline.delete(key("upload", upload_id), key("upload", upload_id, "parts"), key("timeline", upload_id))
    pipeline.delete(key("part", part.part_id))
    for item, record in ((part.part_id, part), (upload_id, upload)):
        pipeline.zrem(key("due", part.account, str(record.lane)), item)
        pipeline.zrem(key("index", record.record_kind, part.account, part.kind, str(record.state)), item)
    for members in ("active", "intents"):
        pipeline.srem(key(members, part.account), part.part_id)
    pipeline.hdel(key("remote", part.remote_scope), str(part.remote_id))
    for entry in ("reserved", "committed"):
        pipeline.hincrby(key("ledger", part.account), entry, -part.credits_committed)
    pipeline.execute()


def foreign_remote(world: World) -> Iterator[None]:
    """Somebody else has lists verified on the account, and removes them."""
    provider = world.chance.choice(list(ACCOUNTS))
    case = world.caused(DriftClass.FOREIGN_REMOTE, ACCOUNTS[provider], ACCOUNTS[provider])
    theirs = world.sandbox.others(provider, jobs=world.chance.randint(1, 3))
    yield from world.until_found(case)
    for remote_id in theirs:
        world.sandbox.change_job(provider, remote_id, hidden=True)
    world.undone(case)
    yield from world.until_gone(case)


def missing_remote(world: World, part: PartRecord) -> Iterator[None]:
    """Neither the list nor its own status shows a job any more; then both do again."""
    world.change(part, hidden=True)
    case = world.caused(DriftClass.MISSING_REMOTE, part.account, part.part_id)
    yield from world.until_found(case)
    world.change(part, hidden=False)
    world.undone(case)
    yield from world.until_gone(case)
    world.finish(part)


def reappearing_remote(world: World, part: PartRecord) -> Iterator[None]:
    """A job is not shown for so long that a person is asked, be it by a look or by a sweep; then it is shown again."""
    world.change(part, hidden=True)
    missing = world.caused(DriftClass.MISSING_REMOTE, part.account, part.part_id)
    yield from world.until_found(missing)
    yield from world.until(lambda: world.state_of(part) is PartState.QUARANTINED)
    world.undone(missing)
    case = world.caused(DriftClass.STALE_LOCAL, part.account, part.part_id)
    world.change(part, hidden=False)
    yield from world.until_found(case)
    world.undone(case)
    world.finish(part)
    yield from world.until_gone(case)
    yield from world.until_gone(missing)


def duplicate_remote(world: World, part: PartRecord) -> Iterator[None]:
    """There is another job with the name of one that a part has."""
    case = world.caused(DriftClass.DUPLICATE_REMOTE, part.account, part.part_id)
    (copy,) = world.sandbox.others("ipqs", copy_of=int(part.remote_id or 0))
    yield from world.until_dealt_with(case, lambda: copy in (world.part(part) or part).possible_jobs)
    world.finish(part)


def identity_collision(world: World, part: PartRecord) -> Iterator[None]:
    """The provider answers the submit of an equal list with the job that it has; a person gives the second part up."""
    first = world.wanted(part.upload_id)
    world.sandbox.set_knobs("whoisxml", deduplicate_jobs_seconds=JOINED_SECONDS)
    second = world.site.load.ask_for(first.account, first.kind, first.method, first.rows)
    second.gives_up_rows = True
    world.taken.add(second.upload_id)
    subject = f"{second.upload_id}/0"
    case = world.caused(DriftClass.IDENTITY_COLLISION, part.account, subject)
    yield from world.until_found(case)
    world.sandbox.set_knobs("whoisxml", deduplicate_jobs_seconds=0.0)
    if case.found_at:
        world.command("resolve", subject, "--fail", "--yes")
    world.undone(case)
    world.finish(part)
    yield from world.until_gone(case)


def size_mismatch(world: World, part: PartRecord) -> Iterator[None]:
    """The provider tells another number of rows for a while."""
    world.change(part, rows_error=world.chance.choice((-1, 3)))
    case = world.caused(DriftClass.SIZE_MISMATCH, part.account, part.part_id)
    yield from world.until_found(case)
    world.change(part, rows_error=0)
    world.undone(case)
    yield from world.until_gone(case)
    world.finish(part)
