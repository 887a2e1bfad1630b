"""One walk over an account's remote list: what it shows moves at once, what it does not show is only counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.actors.sighting import Sighting
from worker.core.search import Walked

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.actors.shown import Shown
    from worker.actors.walk_pages import Pages
    from worker.context import Connected, Context
    from worker.core.sweep import Sweep
    from worker.providers.port import ListPage

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
    thorough: bool = True,
    until: int | None = None,
    going_on: Callable[[], None] | None = None,
    shown: Shown | None = None,
    moving: bool = True,
    pages: Pages | None = None,
) -> Walked:
    """Read the list page by page; where it shifts meanwhile, a job is counted once. It takes n + 1 calls for n pages.

    Jobs move to earlier pages when others are deleted, and a total does not tell, as one may have been added as well.
    A `thorough` walk oldest first, where added ones move nothing, therefore reads each page again once the next one is
    there: as long as it is what it was, no job lies between the two. That is 2n - 1 calls. Only then, and where all
    jobs are on one page, it is `proven` that what was not shown is not there.

    Known limitation: newest first, deletions are seen only by the provider's total, where it gives one.

    `until` ends the walk, incomplete, at a page without any id above it: enough to find a new job, and never to prove
    that there is none. `going_on` is told before each page. `shown` grows by what may be drift. Without `moving` it
    changes nothing. `pages` are those that an interrupted walk has kept, and gets those of this one: see there.
    Raises `ProviderError`; what was shown before has moved.
    """
    seen = Sighting(context, connected, sweep, shown, moving)
    walker = _Walker(connected, sweep, seen, thorough, going_on, pages)
    # A walk that ends for want of a call begins again at its first page, and may never come to its last.
    with connected.gate.patient():
        walker.read(until)
    return Walked(
        began_at=sweep.began_at,
        complete=sweep.proven,
        jobs=len(seen.known),
        controls=seen.controls,
        named_controls=seen.named_controls,
        unproven=tuple(seen.unproven),
    )


@dataclass(slots=True)
class _Walker:
    connected: Connected
    sweep: Sweep
    seen: Sighting
    thorough: bool
    going_on: Callable[[], None] | None
    pages: Pages | None
    #: Most jobs that a page has said there are.
    jobs_said: int = 0
    #: Whether each two pages that follow each other were there at one moment; `None`: nobody has looked.
    joined: bool | None = True
    newest_first: bool = field(init=False)

    def __post_init__(self) -> None:
        self.newest_first = self.connected.provider.capabilities.list_newest_first

    def read(self, until: int | None) -> None:
        self.seen.begin()
        before: ListPage | None = None
        jobs_at_first = 0
        cursor_before: str | None = None
        cursor: str | None = None
        while True:
            page = self._kept(cursor)
            if page is None:
                page = self._page(cursor)
                self._join(before, cursor_before)
                self._keep(cursor, page)
            if before is None:
                jobs_at_first = page.total_jobs or 0
            if page.next_cursor is None or self.sweep.pages >= PAGES_MAX:
                break
            if until is not None and not any(_above(job.remote_id, until) for job in page.jobs):
                return
            before, cursor_before, cursor = page, cursor, page.next_cursor
        whole = page.next_cursor is None and self.joined is not False and self._is_steady(jobs_at_first)
        self.sweep.complete = whole and self.seen.readable and len(self.seen.unproven) <= UNPROVEN_MAX
        self.sweep.proven = self.sweep.complete and self.joined is True

    def _page(self, cursor: str | None) -> ListPage:
        if self.going_on is not None:
            self.going_on()
        page = self.connected.provider.list_page(cursor)
        self.sweep.pages += 1
        self._see(page, now=True)
        return page

    def _see(self, page: ListPage, *, now: bool) -> None:
        self.jobs_said = max(self.jobs_said, page.total_jobs or 0)
        for job in page.jobs:
            self.seen.sighted(job, now=now)

    def _join(self, before: ListPage | None, cursor_before: str | None) -> None:
        """Oldest first, find out whether the page before is still what it was, now that the next one is there."""
        if before is None or self.newest_first or not self.joined:
            return
        self.joined = _ids(self._page(cursor_before)) == _ids(before) if self.thorough else None
        if self.joined is False and self.pages is not None:
            self.pages.drop()

    def _kept(self, cursor: str | None) -> ListPage | None:
        page = None if self.pages is None else self.pages.get(cursor)
        if page is not None:
            self._see(page, now=False)
            if cursor is not None and not self.thorough:
                self.joined = None
        return page

    def _keep(self, cursor: str | None, page: ListPage) -> None:
        """Keep the page for the next walk, should this one be interrupted; only now is it known to join the others."""
        if self.pages is not None and self.joined is not False:
            self.pages.keep(cursor, page)

    def _is_steady(self, jobs_at_first: int) -> bool:
        """Whether as many jobs were seen as were counted, so that none has slipped to a page that had been read before.

        Newest first, those that the first page counted must be there before the head is read again, until it shows
        nothing new: one that was added meanwhile must not make up for one that has slipped.
        """
        known = self.seen.known
        if not self.newest_first:
            return len(known) >= self.jobs_said
        if len(known) < jobs_at_first:
            return False
        for _ in range(HEADS_MAX):
            before = len(known)
            self._page(None)
            if len(known) == before:
                return len(known) >= self.jobs_said
        return False


def _ids(page: ListPage) -> list[str]:
    return [job.remote_id for job in page.jobs]


def _above(remote_id: str, watermark: int) -> bool:
    return not remote_id.isdecimal() or int(remote_id) > watermark
