"""What the poll actor asks the state database: how long similar jobs took, and many decisions written at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.outages import OUTAGES
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from worker.core.durations import Alike
    from worker.store.store import Store


def durations(store: Store, account: str, wanted: Collection[Alike]) -> Mapping[Alike, list[float]]:
    """The last durations of jobs of each likeness, seconds, the latest last; without those of which none is known.

    One round trip. Raises `StoreUnavailable`.
    """
    likenesses = list(dict.fromkeys(wanted))
    if not likenesses:
        return {}
    client: Any = store.client
    pipeline = client.pipeline(transaction=False)
    for like in likenesses:
        pipeline.lrange(store.key("durations", account, like.kind, str(like.bucket)), 0, -1)
    try:
        found = pipeline.execute()
    except OUTAGES as error:
        reason = type(error).__name__
        raise StoreUnavailable(f"Redis did not tell how long jobs take ({reason}).") from None
    return {like: [float(text) for text in texts] for like, texts in zip(likenesses, found, strict=True) if texts}
