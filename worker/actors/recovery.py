"""Recovery: an upload that Redis has lost is made again from what storage tells of it. Nothing is spent here.

A part is what storage proves: collected where its verdicts lie, submitted where an attempt's outcome names a job,
searched for where an attempt has no outcome; else nothing was spent for it. No provider is asked: workers go on from
there, by the same protocol as ever.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from worker.actors.attempts import remembered
from worker.actors.ended import ended_upload
from worker.actors.kept import kept_collected, kept_upload
from worker.actors.names import manifest_name, staged_input
from worker.core.rebuild import Traces, attempted_again, collected_again, rebuilt, unsent_again
from worker.core.search import displaced
from worker.core.values import Attempt
from worker.storage import exists
from worker.store.errors import Stale, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from config.settings import Settings
    from worker.actors.attempts import Remembered
    from worker.actors.kept import Kept
    from worker.context import Context
    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.storage import Storage
    from worker.store.store import Store

#: Times that parts give up jobs that they only found by their time, before such a job counts as theirs.
GIVE_WAY_TRIES = 50


class Finding(StrEnum):
    """What there is of an upload."""

    #: It can be made again.
    LOST = "lost"
    #: Redis knows it, or what is left of it after it was purged.
    KNOWN = "known"
    #: Storage keeps no record of it: it was never split, so nothing was sent, or that was long ago.
    UNKNOWN = "unknown"
    #: Its record is there and its staged list is not: only its producer can bring it back.
    LIST_GONE = "list_gone"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of an upload, and the change that makes it again where it is lost."""

    finding: Finding
    kept: Kept | None = None
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Looks for lost uploads; it is part of the working processes and of the command alike."""

    store: Store
    storage: Storage
    settings: Settings

    @classmethod
    def of(cls, context: Context) -> Recovery:
        """That of a working process."""
        return cls(context.store, context.storage, context.settings)

    def look(self, upload_id: str, *, go_on: bool, disputed: frozenset[str] = frozenset()) -> Found:
        """What there is of an upload; `go_on`: parts that were never sent are to be sent once it is made again.

        `disputed` are remote ids that other parts have. Raises `StorageError`, `StoreError`.
        """
        if self.store.found(upload_id) is not None:
            return Found(Finding.KNOWN)
        kept = kept_upload(self.storage, upload_id)
        if kept is None:
            return Found(Finding.UNKNOWN)
        now = self.store.now()
        if exists(self.storage, manifest_name(upload_id)):
            return Found(Finding.LOST, kept, self._ended(kept, disputed))
        if not exists(self.storage, staged_input(kept.upload)):
            return Found(Finding.LIST_GONE, kept)
        made = [self._part(part, now, go_on=go_on, disputed=disputed) for part in kept.parts]
        return Found(Finding.LOST, kept, rebuilt(kept.upload, made, now))

    def _ended(self, kept: Kept, disputed: frozenset[str]) -> Change:
        return ended_upload(self.storage, kept, self.settings.retention_days, disputed)

    def _part(self, born: PartRecord, now: float, *, go_on: bool, disputed: frozenset[str]) -> Change:
        collected = kept_collected(self.storage, born)
        if collected is not None:
            return collected_again(collected, disputed)
        attempts = remembered(self.storage, born.token)
        traces = traces_of(attempts, now)
        made = attempted_again(born, traces, now, disputed) if traces is not None else None
        return made or unsent_again(born, len(attempts), now, go_on=go_on)

    def restore(self, upload_id: str, write: Callable[[Change], object], *, go_on: bool) -> Found:
        """Make a lost upload again by `write`, which is the store's or the context's; what was found.

        Whoever is quicker has made it: then it is known. Raises as `look` does.
        """
        disputed: frozenset[str] = frozenset()
        tries = 0
        while (found := self.look(upload_id, go_on=go_on, disputed=disputed)).change is not None:
            try:
                write(found.change)
            except Stale:
                return Found(Finding.KNOWN)
            except Taken as taken:
                tries += 1
                if tries > GIVE_WAY_TRIES or not self._gives_way(taken, write):
                    disputed |= {taken.remote_id}
            else:
                break
        return found

    def _gives_way(self, taken: Taken, write: Callable[[Change], object]) -> bool:
        """Whether the part that has the job was only taken to have it, because of its time: then it is given up.

        Where others write it meanwhile, it is asked once more at the next try.
        """
        owner = self.store.part(taken.part_id)
        if owner is None or not owner.provisional or owner.remote_id != taken.remote_id:
            return False
        with suppress(Stale):
            write(displaced(owner, self.store.now()))
        return True


def traces_of(attempts: Sequence[Remembered], now: float) -> Traces | None:
    """What a part's attempts come to, `None` for none. A record that does not tell its time may be of any."""
    if not attempts:
        return None
    with_job = [known for known in attempts if known.outcome is not None and known.outcome.remote_id is not None]
    unclear = [known for known in attempts if known.outcome is None]
    known = (with_job[-1:] or unclear[:1] or attempts[-1:])[0]
    return Traces(
        attempt=Attempt(
            number=known.number,
            object=known.object,
            at=known.at or 0.0,
            over_at=now if known.over_at is None else known.over_at,
        ),
        # An attempt that follows an open one is taken up in its turn.
        last_number=known.number if unclear and not with_job else attempts[-1].number,
        remote_id=known.outcome.remote_id if known.outcome is not None else None,
        is_open=known.outcome is None,
        service=known.service or "",
        method=known.method or "",
        watermark=known.watermark,
    )
