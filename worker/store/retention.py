"""What the store does so that nothing in it grows for ever: purges, claims on files, turns, cursors.

Everything here is bounded by its caller's batch, and may be interrupted anywhere and done again.
"""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from producers.contract import UPLOADS_STREAM
from worker.core.retention import DAY_SECONDS, purge_at, staging_kept_since
from worker.core.states import UPLOAD_TERMINAL
from worker.core.tombstone import Tombstone
from worker.store.keys import INTAKE_GROUP, KEY_PREFIX
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.core.records import UploadRecord
    from worker.store.store import Store

#: Parts that one write of a purge removes; for more it takes several, the last of which leaves the tombstone.
PARTS_PER_WRITE = 500
#: Ids that are looked at by one command.
PAGE_IDS = 500
#: Seconds until a purge that met a part which is not at its end is tried again.
BUSY_SECONDS = float(DAY_SECONDS)
#: Seconds that a claim on an upload's files holds, at most.
CLAIM_SECONDS = 120
#: Idle seconds after which a consumer of the request stream is taken for one of a process that is gone.
CONSUMER_IDLE_SECONDS = DAY_SECONDS

_SCRIPTS = ("purge", "claim_removal", "end_removal", "take_turn", "drop_consumers")


class Purged(StrEnum):
    """How a purge ended."""

    #: The tombstone is all that is left.
    OK = "ok"
    #: There was nothing to purge any more.
    GONE = "gone"
    #: Somebody has written the record since it was read.
    STALE = "stale"
    #: A part is not at its end: nothing may be forgotten of it.
    BUSY = "busy"


class Retention:
    """The retention of one store. Safe to use from several threads. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        """Works on the records of `store`, by its clock."""
        self._store = store
        self._client: Any = store.client
        folder = files("worker.store") / "lua"
        self._scripts = {name: self._client.register_script((folder / f"{name}.lua").read_text()) for name in _SCRIPTS}

    # Purging

    def purgeable(self, most: int) -> list[str]:
        """Ids of ended uploads whose time is over, the oldest first."""
        with reaching():
            found: list[str] = self._client.zrangebyscore(
                self._store.key("retain"), "-inf", self._store.now(), start=0, num=most
            )
        return found

    def purge(self, upload: UploadRecord, tombstone_days: float) -> Purged:
        """Replace an ended upload and its parts by a tombstone that is kept for `tombstone_days`."""
        tombstone, seconds = Tombstone.of(upload).encode(), max(round(tombstone_days * DAY_SECONDS), 1)
        first = 0
        while True:
            last = min(first + PARTS_PER_WRITE, upload.parts_total) - 1
            final = last >= upload.parts_total - 1
            with reaching():
                word, *_ = self._scripts["purge"](
                    keys=[KEY_PREFIX],
                    args=[
                        *(upload.upload_id, upload.version, first, last, tombstone if final else "", seconds),
                        self._store.clock_offset_seconds,
                    ],
                )
            if word != Purged.OK or final:
                return Purged(word)
            first = last + 1

    def put_off(self, upload_id: str) -> None:
        """Try a purge again after a while."""
        with reaching():
            self._client.zadd(self._store.key("retain"), {upload_id: self._store.now() + BUSY_SECONDS}, xx=True)

    def drop_from_index(self, upload_id: str) -> None:
        """Forget that an upload which is not there is to be purged."""
        with reaching():
            self._client.zrem(self._store.key("retain"), upload_id)

    def forget_remote_ids(self, most: int) -> int:
        """Forget remote ids of purged uploads whose tombstones are gone; how many."""
        key = self._store.key("remote_purged")
        with reaching():
            over = self._client.zrangebyscore(key, "-inf", self._store.now(), start=0, num=most)
            return int(self._client.zrem(key, *over)) if over else 0

    def complete_index(self, retention_days: float, most: int) -> int:
        """Enter ended uploads that are not in the index of what is to be purged; at most so many, how many.

        Such are records that were written before the index existed. Costs a few commands when none is missing.
        """
        entered = 0
        for index in self._incomplete_indexes():
            for ids in self._pages(index):
                entered += self._enter(ids, retention_days)
                if entered >= most:
                    return entered
        return entered

    def _incomplete_indexes(self) -> list[str]:
        """The indexes of ended uploads, unless all of their members are to be purged already."""
        with reaching():
            words = [name.split(":") for name in self._client.smembers(self._store.key("indexes"))]
            names = [
                self._store.key("index", *word) for word in words if word[0] == "upload" and word[3] in UPLOAD_TERMINAL
            ]
            ended = sum(self._client.zcard(name) for name in names)
            return names if ended > self._client.zcard(self._store.key("retain")) else []

    def _pages(self, index: str) -> Iterator[list[str]]:
        start = 0
        while True:
            with reaching():
                ids: list[str] = self._client.zrange(index, start, start + PAGE_IDS - 1)
            if not ids:
                return
            yield ids
            start += PAGE_IDS

    def _enter(self, ids: list[str], retention_days: float) -> int:
        with reaching():
            scores = self._client.zmscore(self._store.key("retain"), ids)
        entered = 0
        for upload_id in (upload_id for upload_id, score in zip(ids, scores, strict=True) if score is None):
            upload = self._store.upload(upload_id)
            if upload is not None and upload.terminal:
                with reaching():
                    self._client.zadd(self._store.key("retain"), {upload_id: purge_at(upload, retention_days)}, nx=True)
                    self._client.zadd(
                        self._store.key("staged"), {upload_id: staging_kept_since(upload) or 0.0}, nx=True
                    )
                entered += 1
        return entered

    # Files

    def removable(self, before: float, most: int) -> list[str]:
        """Ids of ended uploads whose staged files are kept since `before` or longer."""
        with reaching():
            found: list[str] = self._client.zrangebyscore(self._store.key("staged"), "-inf", before, start=0, num=most)
        return found

    def claim_removal(self, upload_id: str) -> bool:
        """Claim an upload's files for removal, for `CLAIM_SECONDS`; False while anybody needs them.

        As long as the claim holds the upload cannot come to life: it is not accepted anew, and not taken up again.
        """
        with reaching():
            return bool(self._scripts["claim_removal"](keys=[KEY_PREFIX], args=[upload_id, CLAIM_SECONDS]))

    def end_removal(self, upload_id: str, what: str, objects: int, *, kept_since: float | None = None) -> None:
        """Give the claim back and count what was removed; files that are left are kept since `kept_since`."""
        since = "" if kept_since is None else kept_since
        with reaching():
            self._scripts["end_removal"](keys=[KEY_PREFIX], args=[upload_id, since, what, objects])

    # Housekeeping

    def take_turn(self, name: str, owner: str, longest_seconds: float) -> bool:
        """Take the turn at `name`, which nobody else then has for `longest_seconds` or until it is ended."""
        return self._turn(name, owner, "take", longest_seconds)

    def end_turn(self, name: str, owner: str, period_seconds: float) -> None:
        """End the turn; the next one may begin in `period_seconds`."""
        self._turn(name, owner, "end", period_seconds)

    def _turn(self, name: str, owner: str, mode: str, seconds: float) -> bool:
        args: list[str | int] = [owner, mode, max(round(seconds * 1000), 1)]
        with reaching():
            return bool(self._scripts["take_turn"](keys=[self._store.key("turn", name)], args=args))

    def cursor(self, name: str) -> str:
        """Where a walk in several steps goes on; empty at its beginning."""
        with reaching():
            return str(self._client.hget(self._store.key("cursors"), name) or "")

    def set_cursor(self, name: str, position: str) -> None:
        """Remember where the walk goes on."""
        with reaching():
            self._client.hset(self._store.key("cursors"), name, position)

    def count_removed(self, what: str, objects: int) -> None:
        """Count objects that were removed from storage."""
        if objects:
            with reaching():
                self._client.hincrby(self._store.key("counters"), f"removed|{what}", objects)

    def drop_consumers(self) -> int:
        """Drop intake processes that are gone from the request stream's list of consumers; how many."""
        with reaching():
            return int(
                self._scripts["drop_consumers"](
                    keys=[UPLOADS_STREAM], args=[INTAKE_GROUP, round(CONSUMER_IDLE_SECONDS * 1000)]
                )
            )
