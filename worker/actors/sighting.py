"""What the jobs of a walk mean: each moves its part at once, or is kept for whoever decides about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from worker.actors.attempts import close_found, part_of_token
from worker.core.observe import Seen
from worker.core.search import Unproven
from worker.core.states import Lane
from worker.core.sweep import seen_in_list
from worker.core.token import matching, token_in
from worker.storage import StorageError
from worker.store.errors import Later, Stale, Taken, Unreadable

if TYPE_CHECKING:
    from worker.actors.shown import Shown
    from worker.context import Connected, Context
    from worker.core.records import PartRecord
    from worker.core.sweep import Sweep
    from worker.providers.port import Observation

log = structlog.get_logger()


@dataclass(slots=True)
class Sighting:
    """The jobs that one walk has shown so far."""

    context: Context
    connected: Connected
    sweep: Sweep
    #: What is kept besides for telling drift, where that is wanted.
    shown: Shown | None = None
    #: Whether what is shown moves the parts; otherwise it is only looked at.
    moving: bool = True
    known: set[str] = field(default_factory=set)
    controls: dict[str, str] = field(default_factory=dict)
    named_controls: dict[str, str] = field(default_factory=dict)
    unproven: list[Unproven] = field(default_factory=list)
    #: Whether every part that a job belongs to could be read.
    readable: bool = True
    _open_attempts: dict[str, PartRecord] = field(default_factory=dict)

    def begin(self) -> None:
        """Read which attempts are open."""
        attempted = self.context.store.open_attempts(self.connected.account.name, self._leave)
        self._open_attempts = {part.token: part for part in attempted if part.service == self.connected.service}

    def sighted(self, job: Observation, *, now: bool) -> None:
        """A job was listed, `now` or when an earlier walk was interrupted; another time it was counted already."""
        if job.remote_id in self.known:
            return
        self.known.add(job.remote_id)
        self.sweep.count(job.status)
        owner_id = self.context.store.part_of_remote(self.connected.remote_scope, job.remote_id)
        token = token_in(job.name) or matching(job.name, self._open_attempts)
        try:
            owner = self.context.store.part(owner_id) if owner_id is not None else None
            if owner is not None and owner.remote_id != job.remote_id:
                # It has given the job up since its claim was read: what was its own then is nobody's now.
                owner = None
            part = owner or self._named_by(token)
        except (Unreadable, Later) as error:
            self._leave(owner_id or token or "", error)
            return
        if owner is not None and not owner.provisional:
            self.controls.setdefault(owner.kind, job.remote_id)
            if matching(job.name, [owner.token]) is not None:
                self.named_controls.setdefault(owner.kind, job.remote_id)
        purged = owner is None and self._was_purged(job)
        if token is None and not purged and (owner is None or owner.provisional):
            self.unproven.append(Unproven(job.remote_id, job.kind, job.total_rows, job.started_at, owner_id))
        if part is not None:
            self._of_part(part, job, token, now=now)
        elif purged:
            self.sweep.ours += token is not None
        else:
            self.sweep.orphans += token is not None
            if self.shown is not None:
                self.shown.of_nobody(job, token)

    def _of_part(self, part: PartRecord, job: Observation, token: str | None, *, now: bool) -> None:
        self.sweep.ours += 1
        if self.shown is not None:
            self.shown.of_part(part, job, token)
        if self.moving and now:
            self._move(part, job)

    def _was_purged(self, job: Observation) -> bool:
        return self.context.store.was_purged(self.connected.remote_scope, job.remote_id)

    def _named_by(self, token: str | None) -> PartRecord | None:
        """The part whose token a job's name carries: one with an open attempt, or one that storage knows of."""
        if token is None or token in self._open_attempts:
            return self._open_attempts.get(token or "")
        try:
            part_id = part_of_token(self.context.storage, token)
        except StorageError as error:
            log.warning("token_not_looked_up", token=token, error=str(error))
            return None
        part = self.context.store.part(part_id) if part_id is not None else None
        return part if part is not None and part.service == self.connected.service else None

    def _move(self, part: PartRecord, job: Observation) -> None:
        seen = Seen(job.status, job.word, job.progress, job.ended_at)
        change = seen_in_list(part, job.remote_id, seen, self.context.store.now(), self.context.policy)
        if change is None:
            return
        try:
            self.context.apply(change)
        except Stale:
            self.context.metrics.message_stale(Lane.RECONCILE, "raced")
        except Taken as taken:
            log.warning(
                "identity_collision",
                upload_id=part.upload_id,
                part=part.index,
                remote_id=taken.remote_id,
                other=taken.part_id,
            )
        else:
            learned = part.remote_id != job.remote_id and change.parts[0].remote_id == job.remote_id
            if learned and not change.parts[0].provisional:
                close_found(self.context.storage, part, job.remote_id)

    def _leave(self, part_id: str, error: Unreadable) -> None:
        # What only a newer program can read may have a job that is in question.
        self.readable = False
        self.context.leave(Lane.RECONCILE, part_id, error)
