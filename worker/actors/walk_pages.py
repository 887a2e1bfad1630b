"""The pages of a walk that is under way, so that the next one goes on where it was interrupted.

That is sound where the list is oldest first: jobs that are added move none, and whether others have moved a page is
found out as it is between any two pages, by reading the last kept one again. Newest first every added job moves all
pages, so that such a walk begins anew. What is kept of a job is as old as the walk: it moves no part.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from worker.core.schema import SCHEMA_VERSION
from worker.providers.port import ListPage, Observation, RemoteStatus
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.store.store import Store

#: Most pages that are kept: of a longer list, those that follow are read again.
PAGES_KEPT_MAX = 500


class Pages:
    """The kept pages of one account. Only who has the account's turn to walk may use them."""

    def __init__(self, store: Store, account: str, *, service: str, thorough: bool, age_seconds_max: float) -> None:
        """Takes over what an interrupted walk of the same kind has kept, unless it is older than `age_seconds_max`.

        Raises `StoreUnavailable`.
        """
        self._client: Any = store.client
        self._key = store.key("walk_pages", account)
        self._expiry_seconds = max(int(age_seconds_max), 1)
        now = store.now()
        #: What tells pages that may go on from others.
        self._of = {"service": service, "thorough": thorough, "schema_version": SCHEMA_VERSION}
        #: When the walk began that these are the pages of, epoch seconds.
        self.began_at = now
        self._pages: dict[str | None, ListPage] = {}
        with reaching():
            texts = self._client.lrange(self._key, 0, PAGES_KEPT_MAX)
        if not self._take_over(texts, since=now - age_seconds_max):
            self.began_at, self._pages = now, {}
            self._begin()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, cursor: str | None) -> ListPage | None:
        """The kept page at a cursor."""
        return self._pages.get(cursor)

    def keep(self, cursor: str | None, page: ListPage) -> None:
        """Keep a page beside those before it. Raises `StoreUnavailable`."""
        if len(self._pages) >= PAGES_KEPT_MAX:
            return
        self._pages[cursor] = page
        jobs = [asdict(job) for job in page.jobs]
        text = {"cursor": cursor, "next": page.next_cursor, "total": page.total_jobs, "jobs": jobs}
        with reaching():
            self._client.rpush(self._key, json.dumps(text))

    def drop(self) -> None:
        """The walk has come to its end. Raises `StoreUnavailable`."""
        with reaching():
            self._client.delete(self._key)

    def _begin(self) -> None:
        pipeline = self._client.pipeline(transaction=True)
        pipeline.delete(self._key)
        pipeline.rpush(self._key, json.dumps(self._of | {"began_at": self.began_at}))
        pipeline.expire(self._key, self._expiry_seconds)
        with reaching():
            pipeline.execute()

    def _take_over(self, texts: Sequence[str | bytes], *, since: float) -> bool:
        """Read what is kept; False where it is another walk's, too old, or nothing that this program has written."""
        try:
            head, *pages = [json.loads(text) for text in texts]
            self.began_at = float(head.pop("began_at"))
            self._pages = {page["cursor"]: _page(page) for page in pages}
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        return bool(head == self._of and self._pages and self.began_at >= since)


def _page(kept: dict[str, Any]) -> ListPage:
    jobs = (Observation(**(job | {"status": RemoteStatus(job["status"])})) for job in kept["jobs"])
    return ListPage(tuple(jobs), kept["next"], kept["total"])
