"""Records with what the store keeps beside each, read at one moment, so that workers may go on meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.core.coherence import Beside
from worker.core.records import PartRecord, UploadRecord
from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, Lane, PartState, UploadState
from worker.core.tombstone import tombstone_in
from worker.store.errors import Later, Unreadable
from worker.store.reaching import reaching
from worker.store.reading import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.store.store import Store

#: Records that are read by one transaction, during which the server does nothing else.
BATCH_RECORDS = 50

_SHAPES: dict[str, type[UploadRecord | PartRecord]] = {"upload": UploadRecord, "part": PartRecord}
_STATES: dict[str, tuple[str, ...]] = {"upload": tuple(map(str, UploadState)), "part": tuple(map(str, PartState))}
_ENDS = frozenset(map(str, UPLOAD_TERMINAL | PART_TERMINAL))


class Seen(NamedTuple):
    """A record and what stands beside it."""

    item: UploadRecord | PartRecord
    beside: Beside


@dataclass(frozen=True, slots=True)
class Sample:
    """Which records are looked at: `upload` or `part`, and its id."""

    chosen: tuple[tuple[str, str], ...]
    #: How many there are in all.
    total: int


def sample(store: Store, most: int) -> Sample:
    """At most `most` records, as many of each state: the oldest of those under way, the newest of those at their end.

    Raises `StoreUnavailable`.
    """
    client: Any = store.client
    with reaching():
        names: list[str] = sorted(client.smembers(store.key("indexes")))
        sizes: list[int] = _each(client, names, lambda pipeline, name: pipeline.zcard(store.key("index", name)))
    kept = [name for name, size in zip(names, sizes, strict=True) if size]
    share = -(-most // max(len(kept), 1))

    def ask(pipeline: Any, name: str) -> None:  # noqa: ANN401 - the library's pipeline is untyped
        pipeline.zrange(store.key("index", name), 0, share - 1, desc=name.rpartition(":")[2] in _ENDS)

    with reaching():
        found = _each(client, kept, ask)
    chosen = [(name.partition(":")[0], item) for name, items in zip(kept, found, strict=True) for item in items]
    return Sample(tuple(chosen[:most]), sum(sizes))


def look(store: Store, chosen: Sequence[tuple[str, str]]) -> Iterator[Seen | str]:
    """Each of the records with what stands beside it, or the sentence why it cannot be read; those gone are left out.

    A record of a later version is left out too: only a later program knows what is right. Raises `StoreUnavailable`.
    """
    for start in range(0, len(chosen), BATCH_RECORDS):
        yield from _look(store, chosen[start : start + BATCH_RECORDS])


def _look(store: Store, chosen: Sequence[tuple[str, str]]) -> Iterator[Seen | str]:
    client: Any = store.client
    with reaching():
        texts = client.mget([store.key(kind, name) for kind, name in chosen])
    before: list[UploadRecord | PartRecord] = []
    for (kind, name), text in zip(chosen, texts, strict=True):
        try:
            item = _item(kind, text)
        except Later:
            continue
        except Unreadable as error:
            yield f"{kind} {name} cannot be read: {error}"
            continue
        before += [] if item is None else [item]
    with reaching(), client.pipeline(transaction=True) as pipeline:
        for item in before:
            _ask(store, pipeline, item)
        answers = iter(pipeline.execute())
    for item in before:
        seen = _seen(item, [next(answers) for _ in range(_asked(item))])
        if seen is not None:
            yield seen


def _item(kind: str, text: str | None) -> UploadRecord | PartRecord | None:
    return None if tombstone_in(text or "") else read_record(_SHAPES[kind], text)


def _ask(store: Store, pipeline: Any, item: UploadRecord | PartRecord) -> None:  # noqa: ANN401 - as above
    kind, name = _kind_and_id(item)
    pipeline.get(store.key(kind, name))
    for lane in Lane:
        pipeline.zscore(store.key("due", item.account, lane), name)
    for state in _STATES[kind]:
        pipeline.zscore(store.key("index", kind, item.account, item.kind, state), name)
    if isinstance(item, PartRecord):
        pipeline.sismember(store.key("active", item.account), name)
        pipeline.sismember(store.key("intents", item.account), name)
        pipeline.hget(store.key("remote", item.remote_scope), item.remote_id or "")


def _asked(item: UploadRecord | PartRecord) -> int:
    """How many answers there are on one record."""
    kind, _ = _kind_and_id(item)
    return 1 + len(Lane) + len(_STATES[kind]) + (3 if kind == "part" else 0)


def _seen(before: UploadRecord | PartRecord, answers: Sequence[Any]) -> Seen | None:
    """The record as it is now with its answers; `None` when it has gone, or has another remote job meanwhile."""
    kind, _ = _kind_and_id(before)
    text, *rest = answers
    try:
        item = _item(kind, text)
    except Unreadable:
        return None
    if item is None:
        return None
    states = _STATES[kind]
    due = {str(lane): float(at) for lane, at in zip(Lane, rest, strict=False) if at is not None}
    indexed = [state for state, at in zip(states, rest[len(Lane) :], strict=False) if at is not None]
    if not isinstance(item, PartRecord) or not isinstance(before, PartRecord):
        return Seen(item, Beside(due, frozenset(indexed)))
    if (item.remote_scope, item.remote_id) != (before.remote_scope, before.remote_id):
        return None
    active, intent, owner = rest[-3:]
    return Seen(item, Beside(due, frozenset(indexed), bool(active), bool(intent), owner))


def _kind_and_id(item: UploadRecord | PartRecord) -> tuple[str, str]:
    return ("part", item.part_id) if isinstance(item, PartRecord) else ("upload", item.upload_id)


def _each(client: Any, names: Sequence[str], command: Any) -> list[Any]:  # noqa: ANN401 - as above
    """The answers to one command for each name, in one round trip."""
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            command(pipeline, name)
        answers: list[Any] = pipeline.execute()
    return answers
