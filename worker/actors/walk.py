"""One walk over an account's remote list: what it shows moves at once, what it does not show is only counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from worker.actors.attempts import close_found, part_of_token
from worker.core.observe import Seen
from worker.core.search import Unproven, Walked
from worker.core.states import Lane
from worker.core.sweep import seen_in_list
from worker.core.token import matching, token_in
from worker.storage import StorageError
from worker.store.errors import Later, Stale, Taken, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Connected, Context
    from worker.core.records import PartRecord
    from worker.core.sweep import Sweep
    from worker.providers.port import ListPage, Observation

log = structlog.get_logger()

#: Most pages of one walk; a longer list is seen in part, and the walk says that it is incomplete.
PAGES_MAX = 2_000
#: Most times that the head of the list is read again, because jobs were added while it was walked.
HEADS_MAX = 5
#: Most jobs without owner that are kept for a decision; with more the walk counts as incomplete.
UNPROVEN_MAX = 10_000


def walk(
    context: Context,
    connected: Connected,
    sweep: Sweep,
    *,
    until: int | None = None,
    going_on: Callable[[], None] | None = None,
) -> Walked:
    """Read the list page by page; where it shifts meanwhile, a job is counted once.

    Jobs move to earlier pages when others are deleted, and a total does not tell, as one may have been added as well.
    Oldest first, where added ones move nothing, each page is therefore read again once the next one is there: as long
    as it is what it was, no job lies between the two. That is 2n - 1 calls for n pages, and one for the usual one.

    Known limitation: newest first, deletions are seen only by the provider's total, where it gives one.

    `until` ends the walk, incomplete, at a page without any id above it: enough to find a new job, and never to prove
    that there is none. `going_on` is told before each page. Raises `ProviderError`; what was shown before has moved.
    """
    walker = _Walker(context, connected, sweep, going_on)
    # A walk that ends for want of a call begins again at its first page, and may never come to its last.
    with connected.gate.patient():
        walker.read(until)
    return Walked(
        began_at=sweep.began_at,
        complete=sweep.complete,
        jobs=len(walker.known),
        controls=walker.controls,
        named_controls=walker.named_controls,
        unproven=tuple(walker.unproven),
    )


@dataclass(slots=True)
class _Walker:
    context: Context
    connected: Connected
    sweep: Sweep
    going_on: Callable[[], None] | None
    known: set[str] = field(default_factory=set)
    controls: dict[str, str] = field(default_factory=dict)
    named_controls: dict[str, str] = field(default_factory=dict)
    unproven: list[Unproven] = field(default_factory=list)
    open_attempts: dict[str, PartRecord] = field(default_factory=dict)
    #: Whether every part that a job belongs to could be read.
    readable: bool = True
    #: Most jobs that a page has said there are.
    jobs_said: int = 0

    def read(self, until: int | None) -> None:
        attempted = self.context.store.open_attempts(self.connected.account.name, self._leave)
        self.open_attempts = {part.token: part for part in attempted if part.service == self.connected.service}
        newest_first = self.connected.provider.capabilities.list_newest_first
        cursor: str | None = None
        first = page = self._page(cursor)
        joined = True
        while page.next_cursor is not None and self.sweep.pages < PAGES_MAX:
            if until is not None and not any(_above(job.remote_id, until) for job in page.jobs):
                return
            before, cursor_before, cursor = page, cursor, page.next_cursor
            page = self._page(cursor)
            joined = joined and (newest_first or _ids(self._page(cursor_before)) == _ids(before))
        whole = page.next_cursor is None and joined and self._is_steady(first, newest_first=newest_first)
        self.sweep.complete = whole and self.readable and len(self.unproven) <= UNPROVEN_MAX

    def _page(self, cursor: str | None) -> ListPage:
        if self.going_on is not None:
            self.going_on()
        page = self.connected.provider.list_page(cursor)
        self.sweep.pages += 1
        self.jobs_said = max(self.jobs_said, page.total_jobs or 0)
        for job in page.jobs:
            if job.remote_id not in self.known:
                self.known.add(job.remote_id)
                self.sweep.count(job.status)
                self._sighted(job)
        return page

    def _is_steady(self, first: ListPage, *, newest_first: bool) -> bool:
        """Whether as many jobs were seen as were counted, so that none has slipped to a page that had been read before.

        Newest first, those that `first` counted must be there before the head is read again, until it shows nothing
        new: one that was added meanwhile must not make up for one that has slipped.
        """
        if not newest_first:
            return len(self.known) >= self.jobs_said
        if len(self.known) < (first.total_jobs or 0):
            return False
        for _ in range(HEADS_MAX):
            before = len(self.known)
            self._page(None)
            if len(self.known) == before:
                return len(self.known) >= self.jobs_said
        return False

    def _sighted(self, job: Observation) -> None:
        owner_id = self.context.store.part_of_remote(self.connected.remote_scope, job.remote_id)
        token = token_in(job.name) or matching(job.name, self.open_attempts)
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
        elif token is None and not self.context.store.was_purged(self.connected.remote_scope, job.remote_id):
            self.unproven.append(Unproven(job.remote_id, job.kind, job.total_rows, job.started_at, owner_id))
        if part is not None:
            self.sweep.ours += 1
            self._move(part, job)
        elif token is not None and self.context.store.was_purged(self.connected.remote_scope, job.remote_id):
            self.sweep.ours += 1
        else:
            self.sweep.orphans += token is not None

    def _named_by(self, token: str | None) -> PartRecord | None:
        """The part whose token a job's name carries: one with an open attempt, or one that storage knows of."""
        if token is None or token in self.open_attempts:
            return self.open_attempts.get(token or "")
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
            log.warning("identity_collision", part=part.part_id, remote_id=taken.remote_id, other=taken.part_id)
        else:
            learned = part.remote_id != job.remote_id and change.parts[0].remote_id == job.remote_id
            if learned and not change.parts[0].provisional:
                close_found(self.context.storage, part, job.remote_id)

    def _leave(self, part_id: str, error: Unreadable) -> None:
        # What only a newer program can read may have a job that is in question.
        self.readable = False
        self.context.leave(Lane.RECONCILE, part_id, error)


def _ids(page: ListPage) -> list[str]:
    return [job.remote_id for job in page.jobs]


def _above(remote_id: str, watermark: int) -> bool:
    return not remote_id.isdecimal() or int(remote_id) > watermark
