"""How to look at many remote jobs in few calls, where one call answers for one job or shows one page of a list."""

from __future__ import annotations

import math
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from worker.core.places import Places

T = TypeVar("T")

#: Waiting jobs that must be expected on a page for it to be read.
PAGE_JOBS_MIN = 2
#: Most pages of one turn.
PAGES_MAX = 100


class LookPlan:
    """The pages to read in one turn, one after the other: each answer may change where the other jobs are expected.

    A page is read when at least one job that is due is expected there and `PAGE_JOBS_MIN` that are waited for: it costs
    what asking for the one would cost, and shows all. New jobs are expected at the head of a list that has the newest
    first, and on the pages after it as long as these show some. What is not found is to be asked for one by one.

    Calls beyond one for each job that is due: at most one for each `page_rows` new jobs, one more, and two for each job
    that had moved. There are none for a single job.
    """

    def __init__(self, places: Places, due: Iterable[str]) -> None:
        """`due` are the remote ids to look at."""
        self._places = places
        #: Counted once: what moves while the turn lasts is on pages that it has read.
        self._distances = places.distances()
        #: Jobs that are due and were not seen yet, in the order in which they came.
        self.remaining = dict.fromkeys(due)
        self._read: set[int] = set()
        self._last: int | None = None
        new = sum(places.is_new(remote_id) for remote_id in self.remaining)
        #: How many more pages may be read for new jobs that show fewer than `PAGE_JOBS_MIN` of them.
        self._vain_pages = math.ceil(new / places.page_rows) + 1
        self._looked_for: set[str] = set()
        #: Jobs that are expected on pages worth reading, by the last `next_page`.
        self._on_pages: set[str] = set()

    def next_page(self) -> int | None:
        """The number of the page to read next, the one that is expected to show most; `None` when none is worth it."""
        self._on_pages.clear()
        if len(self._read) >= PAGES_MAX:
            return None
        head = next(page for page in count(1) if page not in self._read)
        expected: dict[int, list[str]] = {}
        for remote_id in self.remaining:
            page = self._expected_on(remote_id, head)
            if page is not None:
                expected.setdefault(page, []).append(remote_id)
        worth = {page: self._worth(page, jobs) for page, jobs in expected.items()}
        worthwhile = [page for page in worth if worth[page] >= PAGE_JOBS_MIN]
        best = max(worthwhile, key=lambda page: (worth[page], -page), default=None)
        if best is None:
            return None
        self._on_pages.update(remote_id for page in worthwhile for remote_id in expected[page])
        self._looked_for.update(expected[best])
        return best

    def saw(self, page: int, shown: Sequence[str], *, last: bool) -> None:
        """Page `page` was read and showed these jobs; `last`: no other follows it."""
        self._read.add(page)
        if last:
            self._last = page if self._last is None else min(page, self._last)
        found = [remote_id for remote_id in shown if remote_id in self.remaining]
        for remote_id in found:
            del self.remaining[remote_id]
        self._looked_for.difference_update(shown)
        if len(found) < PAGE_JOBS_MIN:
            self._vain_pages -= 1

    def next_alone(self, wanted: Iterable[str]) -> str | None:
        """The first of `wanted` that is to be asked for by itself, because no page is worth reading for it.

        It counts as seen, and can be asked for while there are pages to read still: where these would take all calls of
        every turn, what is on none of them would never be looked at.
        """
        for remote_id in wanted:
            if remote_id in self.remaining and remote_id not in self._on_pages:
                del self.remaining[remote_id]
                return remote_id
        return None

    def end(self) -> list[str]:
        """What is to be asked for one by one; what was looked for on pages in vain is not looked for there again."""
        self._places.missed(self._looked_for)
        return list(self.remaining)

    def _worth(self, page: int, jobs: Sequence[str]) -> int:
        """How many waiting jobs the page is expected to show: those that are due, and others that were seen there."""
        counted = sum(self._places.page_of(remote_id) == page for remote_id in jobs)
        return len(jobs) + max(self._places.count_on(page, self._distances) - counted, 0)

    def _expected_on(self, remote_id: str, head: int) -> int | None:
        """An unread page where the job may be; `head` is the first of all."""
        if self._places.is_new(remote_id):
            if not self._places.newest_first or self._vain_pages <= 0:
                return None
            return self._unless_beyond(head)
        page = self._places.page_of(remote_id)
        if page is None or page not in self._read:
            return page if page is None else self._unless_beyond(page)
        # It was pushed down by jobs that came since, or moved up by some that are gone.
        following = page + 1 if self._places.newest_first else max(page - 1, 1)
        return None if following in self._read else self._unless_beyond(following)

    def _unless_beyond(self, page: int) -> int | None:
        return page if self._last is None or page <= self._last else None


def in_turns(items: Sequence[T], owner: Callable[[T], str]) -> Iterator[T]:
    """The items, one of each owner after the other, each owner's in their order: a long queue delays no short one."""
    queues: dict[str, deque[T]] = {}
    for item in items:
        queues.setdefault(owner(item), deque()).append(item)
    while queues:
        for name in list(queues):
            yield queues[name].popleft()
            if not queues[name]:
                del queues[name]
