"""What must be true of everything in a state database, whatever has been decided before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from worker.core.budget import budget_day
from worker.core.records import PartRecord, UploadRecord
from worker.core.retention import staging_kept_since
from worker.core.states import Lane, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.store.store import Store


def check_coherent(store: Store) -> None:
    """Fail unless records, indexes, due set, part counts, claims and ledger tell the same story."""
    seen = Seen(store)
    for check in seen.checks():
        check()


class Seen:
    """Everything in the database, read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client: Any = store.client
        names = [str(key) for key in self._client.keys(store.key("*"))]
        records = [name.split(":")[1:] for name in names if name.count(":") == 2]
        self.uploads = [u for kind, name in records if kind == "upload" and (u := store.upload(name)) is not None]
        self.parts = list(store.parts([name for kind, name in records if kind == "part"]))
        self.accounts = sorted({item.account for item in self.items()})

    def items(self) -> Iterator[UploadRecord | PartRecord]:
        """Uploads and parts."""
        yield from self.uploads
        yield from self.parts

    def checks(self) -> Sequence[Callable[[], None]]:
        """Everything to check, one story each."""
        return (
            self.check_every_record_that_can_move_is_due_once,
            self.check_the_indexes_by_state,
            self.check_part_counts,
            self.check_what_occupies_the_accounts,
            self.check_the_lines,
            self.check_the_ledger,
            self.check_the_budgets,
            self.check_remote_ids,
            self.check_what_is_to_be_purged,
            self.check_the_offered_verdicts,
        )

    def check_every_record_that_can_move_is_due_once(self) -> None:
        """Each record is in its own lane and in no other; a lane is in the due set with its first time."""
        expected: dict[tuple[str, str], set[str]] = {}
        for item in self.items():
            rests = item.terminal or item.state in {PartState.QUARANTINED, UploadState.ATTENTION}
            assert item.lane is not None or rests, f"{_id(item)} is {item.state} and in no lane"
            if item.lane is not None:
                assert not item.terminal, f"{_id(item)} is at its end and in lane {item.lane}"
                expected.setdefault((item.account, item.lane), set()).add(_id(item))
        heads = {}
        lanes = [(account, lane) for account in self.accounts for lane in Lane]
        for (account, lane), waiting in zip(lanes, self._ranges("due", lanes), strict=True):
            assert {item for item, _ in waiting} == expected.get((account, lane), set())
            if waiting:
                heads[f"{account}|{lane}"] = waiting[0][1]
        found = dict(self._client.zrange(self._store.key("due"), 0, -1, withscores=True))
        assert found.keys() == heads.keys()
        for name, first in heads.items():
            # A claim in the poll lane moves the account and leaves its items.
            assert found[name] == first or (name.endswith("|poll") and found[name] > first)

    def check_the_indexes_by_state(self) -> None:
        """Each record is in the index of its own state, since when it is in it, and in no other index."""
        expected: dict[str, dict[str, float]] = {}
        for item in self.items():
            kind = "upload" if isinstance(item, UploadRecord) else "part"
            expected.setdefault(f"{kind}:{item.account}:{item.kind}:{item.state}", {})[_id(item)] = item.since
        names = [(name,) for name in self._client.smembers(self._store.key("indexes"))]
        for (name,), found in zip(names, self._ranges("index", names), strict=True):
            assert dict(found) == expected.pop(name, {}), name
        assert not expected

    def _ranges(self, family: str, names: Sequence[tuple[str, ...]]) -> list[list[tuple[str, float]]]:
        """Whole sorted sets, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for words in names:
                pipe.zrange(self._store.key(family, *words), 0, -1, withscores=True)
            return list(pipe.execute())

    def check_part_counts(self) -> None:
        """The counts of each upload are those of its parts."""
        for upload in self.uploads:
            own = [part for part in self.parts if part.upload_id == upload.upload_id]
            assert self._store.part_counts(upload.upload_id) == Counter(part.state for part in own)
            done = self._client.hget(self._store.key("upload", upload.upload_id, "parts"), "rows_done")
            assert int(done or 0) == sum(part.rows_done for part in own)

    def check_what_occupies_the_accounts(self) -> None:
        """Parts with a reservation are intents but for those adopted by time; these and the submitted are active."""
        for account in self.accounts:
            own = [part for part in self.parts if part.account == account]
            intents = {part.part_id for part in own if part.credits_reserved and not part.provisional}
            active = {p.part_id for p in own if p.credits_reserved or p.state is PartState.SUBMITTED}
            assert self._client.smembers(self._store.key("intents", account)) == intents
            assert self._client.smembers(self._store.key("active", account)) == active

    def check_the_lines(self) -> None:
        """Who stands in a line, or was called and has not come yet, waits in that lane for a reason, under no lease."""
        known = {part.part_id: part for part in self.parts}
        lanes = [(account, lane) for account in self.accounts for lane in (Lane.SUBMIT, Lane.COLLECT)]
        expected = set()
        for (account, lane), line in zip(lanes, self._ranges("line", lanes), strict=True):
            called: dict[str, str] = self._client.hgetall(self._store.key("called", account, lane))
            waiting = {part_id for part_id, _ in line} | called.keys()
            assert len(waiting) == len(line) + len(called), "somebody was called and stands in the line"
            for part in (known[part_id] for part_id in waiting):
                assert (part.account, part.lane, part.lease) == (account, lane, None), part.part_id
                assert part.reason, part.part_id
            if waiting:
                expected.add(f"{account}|{lane}")
            else:
                assert not self._client.exists(self._store.key("turns", account, lane))
            ends = self._client.zrange(self._store.key("line_ends", account, lane), 0, -1)
            assert set(ends) <= waiting
        assert set(self._client.zrange(self._store.key("lines"), 0, -1)) == expected

    def check_the_ledger(self) -> None:
        """What is reserved and neither committed nor released is what the parts hold; each part is paid once."""
        for account in self.accounts:
            own = [part for part in self.parts if part.account == account]
            entries = self._client.hgetall(self._store.key("ledger", account))
            ledger = Counter({entry: int(credits_) for entry, credits_ in entries.items()})
            held = ledger["reserved"] - ledger["committed"] - ledger["released"]
            assert held == sum(part.credits_reserved for part in own)
            assert ledger["committed"] == sum(part.credits_committed for part in own)
            for part in own:
                assert part.credits_committed in {0, part.rows}
                assert not (part.credits_committed and part.credits_reserved)

    def check_the_budgets(self) -> None:
        """What is used of an account's day is what its parts have reserved and committed of that day."""
        today = budget_day(self._store.now())
        for account in self.accounts:
            own = [part for part in self.parts if part.account == account and part.budget_day == today]
            used = sum(part.credits_reserved + part.credits_committed for part in own)
            assert self._store.budget_used(account) == used

    def check_remote_ids(self) -> None:
        """A remote id belongs to one part, and each part's remote id belongs to it."""
        for scope in {part.remote_scope for part in self.parts}:
            claimed: dict[str, str] = self._client.hgetall(self._store.key("remote", scope))
            own = [part for part in self.parts if part.remote_scope == scope and part.remote_id is not None]
            assert _without_doubles([part.remote_id for part in own])
            assert claimed == {part.remote_id: part.part_id for part in own}

    def check_what_is_to_be_purged(self) -> None:
        """Ended uploads, and no others, are to be purged and their files removed."""
        ended = [upload for upload in self.uploads if upload.terminal]
        retain, staged = self._whole("retain"), self._whole("staged")
        assert dict(retain) == {u.upload_id: u.retain_until for u in ended if u.retain_until is not None}
        known = {upload.upload_id for upload in self.uploads}
        of_known = {upload_id: since for upload_id, since in staged if upload_id in known}
        assert of_known == {upload.upload_id: staging_kept_since(upload) for upload in ended}

    def check_the_offered_verdicts(self) -> None:
        """Verdicts are offered of parts that have them for certain, and never older ones than those of another part."""
        known = {part.part_id: part for part in self.parts}
        for account in self.accounts:
            offers: dict[str, str] = self._client.hgetall(self._store.key("reuse", account))
            times = {}
            for key, offer in offers.items():
                at, _, part_id = offer.partition(" ")
                part, times[key] = known[part_id], float(at)
                assert part.reusable
                assert (part.account, part.reuse_key, f"{part.verified_at:.6f}") == (account, key, at)
            own = [part for part in self.parts if part.account == account and part.reusable]
            assert times.keys() == {part.reuse_key for part in own}
            assert all(float(f"{part.verified_at:.6f}") <= times[part.reuse_key] for part in own)

    def _whole(self, name: str) -> list[tuple[str, float]]:
        members: list[tuple[str, float]] = self._client.zrange(self._store.key(name), 0, -1, withscores=True)
        return members


def _id(item: UploadRecord | PartRecord) -> str:
    return item.part_id if isinstance(item, PartRecord) else item.upload_id


def _without_doubles(values: Sequence[object]) -> bool:
    return len(set(values)) == len(values)
