"""Orphans: jobs in the remote list that carry one of our tokens, and whose part the store does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.actors.attempts import close_found, part_of_token
from worker.actors.recovery import Finding, Recovery
from worker.actors.submit import learn
from worker.storage import StorageError
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from worker.context import Connected, Context
    from worker.core.records import PartRecord

log = structlog.get_logger()


def import_orphan(context: Context, connected: Connected, token: str, remote_id: str) -> bool:
    """Give a listed job to its part, whose upload is made again from storage where Redis has lost it.

    False where that cannot be done, which is logged: storage knows no attempt under the token, refuses, or has a record
    that nobody can read; or the upload was purged. A job that the part has already changes nothing. Raises
    `StoreError`.
    """
    try:
        part = _part_of(context, connected, token)
    except (StorageError, Unreadable) as error:
        log.warning("orphan_not_imported", account=connected.account.name, remote_id=remote_id, error=str(error))
        return False
    if part is None:
        remedy = "storage has no record of its upload: bulkverify recover tells more"
        log.warning("orphan_remote", account=connected.account.name, token=token, remote_id=remote_id, remedy=remedy)
        return False
    learn(context, part.part_id, remote_id, "list", service=connected.service)
    found = context.store.part(part.part_id)
    if found is not None and found.remote_id == remote_id != part.remote_id:
        close_found(context.storage, found, remote_id)
    return True


def home_of(context: Context, token: str) -> str | None:
    """The part that an orphan with this token would be given to; `None` where storage does not know enough of it."""
    try:
        part_id = part_of_token(context.storage, token)
        if part_id is None:
            return None
        found = Recovery.of(context).look(part_id.rpartition("/")[0], go_on=False)
    except (StorageError, Unreadable) as error:
        log.warning("orphan_not_looked_up", token=token, error=str(error))
        return None
    return part_id if found.finding is Finding.KNOWN or found.change is not None else None


def _part_of(context: Context, connected: Connected, token: str) -> PartRecord | None:
    """The part of a token, at the service where the account speaks to now. Parts that were never sent stay unsent."""
    part_id = part_of_token(context.storage, token)
    if part_id is None:
        return None
    Recovery.of(context).restore(part_id.rpartition("/")[0], context.apply, go_on=False)
    part = context.store.part(part_id)
    if part is None or part.token != token or part.service not in {"", connected.service}:
        return None
    return part
