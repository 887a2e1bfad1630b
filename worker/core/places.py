"""Where an account's waiting jobs were last seen in its list: the memory of one process, which may be wrong.

A list is read by pages, and jobs move in it: newest first, each new job pushes all others down. What does not change is
a job's distance from the end at which the list does not grow, so that is kept.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

#: Jobs of one account that are remembered; of more, those seen longest ago are forgotten.
PLACES_MAX = 20_000


class Places:
    """The places of one account's waiting jobs. Safe to use from several threads."""

    def __init__(self, page_rows: int, *, newest_first: bool) -> None:
        self.page_rows = page_rows
        self.newest_first = newest_first
        self._lock = threading.Lock()
        #: By remote id: the distance from the end that does not move; `None` for a job that was looked for in vain.
        self._distances: OrderedDict[str, int | None] = OrderedDict()
        #: How many jobs the list had when it was read last; 0 where the provider does not tell, and then the distance
        #: is too small by the jobs that came meanwhile.
        self._total = 0

    def saw(self, page: int, shown: Sequence[str], waiting: Collection[str], total: int | None) -> None:
        """Page number `page` showed these jobs, of which some are still waited for; the list has `total` jobs."""
        with self._lock:
            self._total = self._total if total is None else total
            for index, remote_id in enumerate(shown, (page - 1) * self.page_rows):
                self._distances.pop(remote_id, None)
                if remote_id in waiting:
                    self._distances[remote_id] = self._total - index if self.newest_first else index
            while len(self._distances) > PLACES_MAX:
                self._distances.popitem(last=False)

    def missed(self, remote_ids: Iterable[str]) -> None:
        """These jobs were not where they were looked for: nothing is known of their places until they are seen."""
        with self._lock:
            for remote_id in remote_ids:
                self._distances[remote_id] = None

    def forget(self, remote_ids: Iterable[str]) -> None:
        """These jobs have ended."""
        with self._lock:
            for remote_id in remote_ids:
                self._distances.pop(remote_id, None)

    def is_new(self, remote_id: str) -> bool:
        """Whether nothing is known of the job, not even that it was looked for."""
        return remote_id not in self._distances

    def page_of(self, remote_id: str) -> int | None:
        """The page that the job is expected on; `None` where nothing is known of its place."""
        distance = self._distances.get(remote_id)
        return None if distance is None else self._page(distance)

    def distances(self) -> list[int]:
        """Where the jobs are whose places are known, sorted: for `count_on`, which any number of pages can be told."""
        with self._lock:
            return sorted(distance for distance in self._distances.values() if distance is not None)

    def count_on(self, page: int, distances: Sequence[int]) -> int:
        """How many of the jobs with these sorted distances are expected on the page, however the list has grown."""
        first, after = (page - 1) * self.page_rows, page * self.page_rows
        if not self.newest_first:
            return bisect_left(distances, after) - bisect_left(distances, first)
        # With more distance than the list has jobs is what is expected at its head.
        nearer = len(distances) if page == 1 else bisect_right(distances, self._total - first)
        return nearer - bisect_right(distances, self._total - after)

    def _page(self, distance: int) -> int:
        index = self._total - distance if self.newest_first else distance
        return max(index, 0) // self.page_rows + 1

    def __len__(self) -> int:
        return len(self._distances)
