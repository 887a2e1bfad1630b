"""Cleaning the storage: staged files of ended uploads, what nobody owns, and attempt records that guard nothing more.

Results and manifests are never touched. Every removal happens under a claim: no upload can come to need the files
meanwhile.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from worker.actors.attempts import RECORD_BYTES_MAX
from worker.actors.kept import kept_folder
from worker.actors.names import ATTEMPTS_FOLDER, RECORDS_FOLDER, STAGING_FOLDER, staging_folder
from worker.core.records import UploadRecord
from worker.core.retention import DAY_SECONDS, staging_kept_since
from worker.storage import StorageError
from worker.storage.probe import PROBES_FOLDER
from worker.store.errors import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from config.settings import Settings
    from worker.storage import Storage
    from worker.store.retention import Retention
    from worker.store.store import Store

log = structlog.get_logger()

#: Most uploads whose files are removed in one turn.
REMOVALS_MAX = 50
#: Most folders that one step of a walk looks at.
WALK_FOLDERS = 500
#: Seconds until a removal is tried again that storage refused.
REFUSED_SECONDS = 600.0
#: Seconds after which an object that was begun in storage and never finished belongs to a process that is gone.
LEFTOVER_SECONDS = 7.0 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Removes files that nobody needs any more, a bounded batch at each call."""

    store: Store
    storage: Storage
    retention: Retention
    settings: Settings

    def remove_staged(self) -> int:
        """Remove the staged files of ended uploads whose time is over, those of secrets at once; how many objects."""
        kept_seconds = self.settings.staging_days * DAY_SECONDS
        before = self.store.now() - kept_seconds
        due = self.retention.removable(before, REMOVALS_MAX)
        return sum(self._remove(each, staging_folder(each), "staging", before) for each in due)

    def walk_staging(self) -> int:
        """Go on looking for staged files of uploads that have ended or do not exist; how many objects were removed."""
        return self._walk(STAGING_FOLDER, self._remove_if_nobodys)

    def walk_attempts(self) -> int:
        """Go on looking for attempt records of uploads that nobody remembers; how many objects were removed."""
        return self._walk(ATTEMPTS_FOLDER, self._remove_if_forgotten)

    def walk_records(self) -> int:
        """Go on looking for what is kept of uploads that nobody remembers; how many objects were removed."""
        return self._walk(RECORDS_FOLDER, self._remove_if_unremembered)

    def remove_leftovers(self) -> int:
        """Remove what killed writers left, and processes that were killed while they tried the storage; how many."""
        removed = self.storage.remove_leftovers(LEFTOVER_SECONDS) + self._remove_probes()
        self.retention.count_removed("leftover", removed)
        return removed

    def _remove_probes(self) -> int:
        removed = 0
        for folder in islice(self.storage.folders(PROBES_FOLDER), WALK_FOLDERS):
            written_at = self.storage.written_at(folder)
            if written_at is not None and written_at <= time.time() - LEFTOVER_SECONDS:
                removed += self.storage.delete_prefix(folder)
        return removed

    def _walk(self, folder: str, look: Callable[[str], int]) -> int:
        """Look at the next few folders; the walk begins anew after the last one."""
        removed, looked = 0, 0
        position = ""
        for found in self.storage.folders(folder, after=self.retention.cursor(folder)):
            if looked == WALK_FOLDERS:
                break
            position, looked = found.rpartition("/")[2], looked + 1
            try:
                removed += look(position)
            except (StorageError, Unreadable) as error:
                log.warning("not_removed", folder=found, error=str(error))
        else:
            position = ""
        self.retention.set_cursor(folder, position)
        return removed

    def _remove_if_nobodys(self, upload_id: str) -> int:
        upload = self.store.found(upload_id)
        if isinstance(upload, UploadRecord):
            since = staging_kept_since(upload)
            over = since is not None and since <= self.store.now() - self.settings.staging_days * DAY_SECONDS
        else:
            # Nobody knows when it ended, or whether it will be recovered: what is new may still be wanted.
            written_at = self.storage.written_at(staging_folder(upload_id))
            over = written_at is None or written_at <= time.time() - self.settings.staging_days * DAY_SECONDS
        return self._remove(upload_id, staging_folder(upload_id), "orphan") if over else 0

    def _remove_if_forgotten(self, token: str) -> int:
        folder = f"{ATTEMPTS_FOLDER}/{token}"
        name = next((name for name in self.storage.list(folder) if not name.endswith(".outcome.json")), None)
        if name is None:
            return 0
        try:
            record = json.loads(self.storage.read(name, RECORD_BYTES_MAX))
            upload_id, at = str(record["upload_id"]), float(record["at"])
        except (ValueError, KeyError, TypeError):
            log.warning("not_removed", folder=folder, error="the attempt record cannot be read, so it is kept")
            return 0
        if self.store.now() - at < self._remembered_seconds or self.store.found(upload_id) is not None:
            return 0
        return self._remove(upload_id, folder, "attempt")

    def _remove_if_unremembered(self, upload_id: str) -> int:
        folder = kept_folder(upload_id)
        written_at = self.storage.written_at(folder)
        is_new = written_at is not None and time.time() - written_at < self._remembered_seconds
        if is_new or self.store.found(upload_id) is not None:
            return 0
        return self._remove(upload_id, folder, "attempt")

    @property
    def _remembered_seconds(self) -> float:
        """For how long an upload is known at least: its record, and its tombstone after that."""
        return (self.settings.retention_days + self.settings.tombstone_days) * DAY_SECONDS

    def _remove(self, upload_id: str, folder: str, what: str, before: float = 0.0) -> int:
        """Remove a folder under a claim; 0 when somebody needs it or storage refuses, which is tried again later."""
        if not self.retention.claim_removal(upload_id):
            return 0
        kept_since: float | None = before + REFUSED_SECONDS
        removed = 0
        try:
            removed = self.storage.delete_prefix(folder)
            kept_since = None
        except StorageError as error:
            log.warning("not_removed", folder=folder, error=str(error))
        finally:
            self.retention.end_removal(upload_id, what, removed, kept_since=kept_since)
        log.debug("removed", upload_id=upload_id, what=what, objects=removed)
        return removed
