"""The invariants, as far as they can be seen from outside: each that is broken is one plain sentence.

What is checked: records, indexes, due set, claims and ledger tell the same story; whatever can move will be looked at;
an end is an end; a remote id belongs to one part; each part was charged once and never without an attempt record; and
a completed upload has a result with every row. Nobody may be writing while it is checked.

Known limitation: when the attempt records of purged uploads are gone, their jobs must be named as `foreign`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from tests.builders.charges import Charges
from tests.builders.coherence import Seen
from tests.builders.published import broken_result
from worker.core.coherence import item_id, spent_twice, unattended
from worker.core.records import PartRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tests.builders.charges import Sandbox
    from worker.core.records import UploadRecord
    from worker.storage import Storage
    from worker.store.store import Store


class Invariants:
    """Checks one installation again and again, and remembers what had ended; see `Charges` for the arguments."""

    def __init__(
        self,
        store: Store,
        storage: Storage,
        sandboxes: Sequence[Sandbox] = (),
        *,
        foreign: Collection[int] = (),
        charges_max: Mapping[str, int] | None = None,
    ) -> None:
        self._store = store
        self._storage = storage
        self._charges = Charges(storage, sandboxes, foreign=foreign, charges_max=charges_max)
        self._ended = Ends({})
        self._delivered: dict[str, int] = {}

    def broken(self) -> list[str]:
        """One sentence for each invariant that is broken now, or by what happened since the last check."""
        seen = Seen(self._store)
        found = [*_incoherent(seen), *self._unattended(seen), *_shared_jobs(seen)]
        found += chain.from_iterable(map(spent_twice, seen.parts))
        found += self._charges.broken(seen.parts)
        found += self._published(seen)
        now_ended = Ends.of(seen)
        found += self._ended.changed(now_ended, self._store)
        self._ended = now_ended
        return found

    def forget(self) -> None:
        """Redis was flushed or set back: what had ended before may be open again."""
        self._ended = Ends({})

    def _unattended(self, seen: Seen) -> Iterator[str]:
        """Whatever can move is due, under a live lease or in quarantine."""
        client: Any = self._store.client
        now = self._store.now()
        for item in seen.items():
            lane = self._store.key("due", item.account, item.lane or "")
            yield from unattended(item, client.zscore(lane, item_id(item)), now)

    def _published(self, seen: Seen) -> Iterator[str]:
        """The results of those that have been delivered since the last check."""
        for upload in seen.uploads:
            if upload.terminal and self._delivered.get(upload.upload_id) != upload.version:
                wrong = list(broken_result(upload, self._storage))
                yield from wrong
                if not wrong:
                    self._delivered[upload.upload_id] = upload.version


def broken_invariants(
    store: Store,
    storage: Storage,
    sandboxes: Sequence[Sandbox] = (),
    *,
    foreign: Collection[int] = (),
    charges_max: Mapping[str, int] | None = None,
) -> list[str]:
    """One sentence for each invariant that is broken now; see `Charges` for the arguments."""
    return Invariants(store, storage, sandboxes, foreign=foreign, charges_max=charges_max).broken()


@dataclass(frozen=True, slots=True)
class Ends:
    """What had ended at one moment: the record's id -> its kind, and the facts that may never change again.

    Unless it was taken up again for what had been paid for, which each record counts.
    """

    facts: Mapping[str, tuple[str, tuple[object, ...]]]
    #: How often each of them had been taken up again.
    taken_up: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, seen: Seen) -> Ends:
        """The ends among everything that was read."""
        ended: dict[str, tuple[str, tuple[object, ...]]] = {}
        taken_up = {item_id(item): _taken_up(item) for item in seen.items()}
        for upload in seen.uploads:
            if upload.terminal:
                ended[upload.upload_id] = ("upload", (str(upload.state), upload.result and upload.result.counts))
        for part in seen.parts:
            if part.terminal:
                ended[part.part_id] = ("part", (str(part.state), part.remote_id, part.verdicts_digest))
        return cls(ended, taken_up)

    def changed(self, later: Ends, store: Store) -> Iterator[str]:
        """What had ended here and is otherwise at a later moment, or gone without a trace."""
        for name, known in self.facts.items():
            record_kind, facts = known
            if later.taken_up.get(name, 0) > self.taken_up.get(name, 0):
                continue
            if name in later.facts and later.facts[name] != known:
                yield f"{record_kind} {name} had ended as {facts}, and now as {later.facts[name][1]}"
            elif name not in later.facts:
                upload_id = name.rpartition("/")[0] if record_kind == "part" else name
                found = store.part(name) if record_kind == "part" else store.upload(name)
                if found is not None:
                    yield f"{record_kind} {name} had ended as {facts}, and is {found.state} now"
                elif store.found(upload_id) is None or store.upload(upload_id) is not None:
                    yield f"{record_kind} {name} had ended as {facts}, and has vanished"


def _incoherent(seen: Seen) -> Iterator[str]:
    for check in seen.checks():
        try:
            check()
        except AssertionError as error:
            yield " ".join(f"Not so: {check.__doc__} {error}".split())


def _shared_jobs(seen: Seen) -> Iterator[str]:
    """A remote id belongs to at most one part."""
    owners: dict[tuple[str, str], list[str]] = defaultdict(list)
    for part in seen.parts:
        if part.remote_id is not None:
            owners[part.remote_scope, part.remote_id].append(part.part_id)
    for (_, remote_id), parts in owners.items():
        if len(parts) > 1:
            yield f"remote job {remote_id} belongs to {' and '.join(sorted(parts))}"


def _taken_up(item: UploadRecord | PartRecord) -> int:
    return item.again if isinstance(item, PartRecord) else item.reopened
