"""Purging: the records of an upload that ended long ago give way to a tombstone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from worker.store.errors import Unreadable
from worker.store.retention import Purged, Retention

if TYPE_CHECKING:
    from config.settings import Settings
    from worker.store.store import Store

log = structlog.get_logger()

#: Most uploads purged in one turn.
PURGES_MAX = 200
#: Most remote ids of purged uploads forgotten, and uploads entered into the index, in one turn.
FORGOTTEN_MAX = 2_000
ENTERED_MAX = 5_000


def purge_ended(store: Store, retention: Retention, settings: Settings) -> Counter[Purged]:
    """Purge what is over, at most `PURGES_MAX` uploads; how many by how it went."""
    told: Counter[Purged] = Counter()
    for upload_id in retention.purgeable(PURGES_MAX):
        outcome = _purge(store, retention, upload_id, settings.tombstone_days)
        told[outcome] += 1
        if outcome is Purged.BUSY:
            log.warning("purge_put_off", upload_id=upload_id, reason="a part of it has not ended")
            retention.put_off(upload_id)
    forgotten = retention.forget_remote_ids(FORGOTTEN_MAX)
    if told or forgotten:
        log.info("purged", uploads=told[Purged.OK], put_off=told[Purged.BUSY], remote_ids_forgotten=forgotten)
    return told


def complete_index(retention: Retention, settings: Settings) -> int:
    """Enter ended uploads that an earlier version left out of the index; how many."""
    entered = retention.complete_index(settings.retention_days, ENTERED_MAX)
    if entered:
        log.info("retention_index_completed", uploads=entered)
    return entered


def _purge(store: Store, retention: Retention, upload_id: str, tombstone_days: float) -> Purged:
    """Purge one upload. A record that nobody can read is left for a person, or for a later program."""
    try:
        upload = store.upload(upload_id)
    except Unreadable as error:
        log.warning("record_unreadable", upload_id=upload_id, error=str(error))
        return Purged.BUSY
    if upload is None:
        retention.drop_from_index(upload_id)
        return Purged.GONE
    return retention.purge(upload, tombstone_days)
