"""Uploads by turns: each sweep looks at those that follow the last one's, and begins anew behind the last."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Collection

    from worker.store.store import Store


def next_uploads(store: Store, account: str, states: Collection[str], most: int) -> tuple[list[str], float]:
    """Uploads of an account in any of the states, and the cursor behind them; by when they entered their state.

    Raises `StoreUnavailable`.
    """
    client: Any = store.client
    with reaching():
        cursor = float(client.hget(store.key("rotation"), account) or "-inf")
        names: list[str] = sorted(client.smembers(store.key("indexes")))
    found: list[tuple[float, str]] = []
    for name in names:
        record_type, of_account, _, state = name.split(":")
        if record_type == "upload" and of_account == account and state in states:
            key = store.key("index", name)
            with reaching():
                following = client.zrangebyscore(key, f"({cursor}", "+inf", start=0, num=most, withscores=True)
            found.extend((score, upload_id) for upload_id, score in following)
    chosen = heapq.nsmallest(most, found)
    # Behind the last one the turns begin anew.
    return [upload_id for _, upload_id in chosen], chosen[-1][0] if len(chosen) == most else float("-inf")


def keep_turn(store: Store, account: str, cursor: float) -> None:
    """The next sweep goes on behind the cursor. Raises `StoreUnavailable`."""
    client: Any = store.client
    with reaching():
        client.hset(store.key("rotation"), account, str(cursor))
