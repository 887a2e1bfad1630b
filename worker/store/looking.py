"""What the poll actor asks the state database: how long similar jobs took, and how many are in flight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.core.states import Lane
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from worker.core.durations import Alike
    from worker.store.store import Store


def durations(store: Store, account: str, wanted: Collection[Alike]) -> Mapping[Alike, list[float]]:
    """The last durations of jobs of each likeness, seconds, the latest last; without those of which none is known.

    One round trip. Raises `StoreUnavailable`.
    """
    likenesses = list(dict.fromkeys(wanted))
    if not likenesses:
        return {}
    names = [store.key("durations", account, like.kind, str(like.bucket)) for like in likenesses]
    found = _asked_of_each(store, names, lambda pipeline, name: pipeline.lrange(name, 0, -1))
    return {like: [float(text) for text in texts] for like, texts in zip(likenesses, found, strict=True) if texts}


def in_flight(store: Store, accounts: Iterable[str]) -> int:
    """How many remote jobs of these accounts are looked at. One round trip. Raises `StoreUnavailable`."""
    names = [store.key("due", account, Lane.POLL) for account in accounts]
    return sum(_asked_of_each(store, names, lambda pipeline, name: pipeline.zcard(name)))


def _asked_of_each(store: Store, names: Iterable[str], command: Callable[[Any, str], object]) -> list[Any]:
    """The answers to one command for each key, in one round trip."""
    client: Any = store.client
    pipeline = client.pipeline(transaction=False)
    for name in names:
        command(pipeline, name)
    with reaching():
        answers: list[Any] = pipeline.execute()
    return answers
