"""Who waits longest: the first members of indexes by state, which the census only counts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.store.census import Members
    from worker.store.store import Store


def oldest_of(store: Store, groups: Iterable[Members], most: int) -> list[tuple[float, str]]:
    """Since when and who, of all uploads or parts in these groups the `most` that wait longest, the longest first.

    One round trip. Raises `StoreUnavailable`.
    """
    client: Any = store.client
    pipeline = client.pipeline(transaction=False)
    for group in groups:
        name = store.key("index", group.record, group.account, group.kind, group.state)
        pipeline.zrange(name, 0, most - 1, withscores=True)
    with reaching():
        answers = pipeline.execute()
    found = sorted((float(since), str(item)) for answer in answers for item, since in answer)
    return list(islice(found, most))
