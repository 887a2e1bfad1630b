"""The store: reads records, writes decisions, hands out what is due.

Every write is one Lua call. A write whose reply was lost is repeated with the same nonce, which the script recognises,
so repeating is safe; nothing else is ever repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from producers.contract import result_key
from worker.core.line import LINE_LOOK_SECONDS
from worker.core.records import AccountRecord, PartRecord, Record, UploadRecord
from worker.core.retention import DAY_SECONDS
from worker.core.states import Lane
from worker.core.tombstone import Tombstone, tombstone_in
from worker.core.urgency import SHARE_CALLS, Urgency
from worker.outages import OUTAGES
from worker.store.commit import Written, encode, new_txn, outcome_of
from worker.store.errors import StoreError, StoreUnavailable, Unreadable
from worker.store.keys import INTAKE_PAUSED, KEY_PREFIX
from worker.store.memory import Memory
from worker.store.reading import read_record
from worker.store.timeline import from_entry
from worker.store.turns import PollTurns

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from worker.core.change import Change

    #: Is told which upload or part cannot be read, and why.
    Unread = Callable[[str, Unreadable], None]

R = TypeVar("R", bound=Record)

#: Times a commit is repeated when its reply is lost, and the longest wait between two (seconds).
COMMIT_REPEATS = 3
COMMIT_BACKOFF_SECONDS_MAX = 1.0
#: Records fetched by one command.
FETCH_RECORDS = 500


class Due(NamedTuple):
    """One overdue work item, claimed for this caller. `item` is empty in the poll lane: the account is meant."""

    account: str
    lane: Lane
    item: str


class Limits(NamedTuple):
    """How much of what people read is kept."""

    timeline_entries: int = 200
    events_entries: int = 100_000
    rejected_entries: int = 10_000


class Store(PollTurns):
    """The records of one installation in one Redis database. Safe to use from several threads."""

    def __init__(self, client: redis.Redis, limits: Limits | None = None, *, clock_offset_seconds: float = 0.0) -> None:
        """`clock_offset_seconds` shifts the store's time and is for tests only."""
        polling = ("claim_overdue", "arm_poll", "begin_poll", "take_token", "call_up")
        super().__init__(client, ("commit", *polling, "findings", "held", "columns", "pulse"))
        self.limits = limits or Limits()
        self.clock_offset_seconds = clock_offset_seconds
        self._repeat: Retry = Retry(
            ExponentialBackoff(cap=COMMIT_BACKOFF_SECONDS_MAX, base=0.05),
            COMMIT_REPEATS,
            supported_errors=(redis.ConnectionError, redis.TimeoutError),
        )

    # Time and room

    def now(self) -> float:
        """The store's time, epoch seconds."""
        seconds, microseconds = self._ask(self.client.time)
        return float(seconds + microseconds / 1e6 + self.clock_offset_seconds)

    def memory(self) -> Memory:
        """How full the server is."""
        return Memory.of(self._ask(self.client.info, "memory"))

    # Reading

    def upload(self, upload_id: str) -> UploadRecord | None:
        """The upload, or `None`, also for one that was purged."""
        found = self.found(upload_id)
        return None if isinstance(found, Tombstone) else found

    def found(self, upload_id: str) -> UploadRecord | Tombstone | None:
        """The upload, what is left of it after it was purged, or `None`."""
        raw: str | None = self._ask(self.client.get, self.key("upload", upload_id))
        return tombstone_in(raw or "") or read_record(UploadRecord, raw)

    def part(self, part_id: str) -> PartRecord | None:
        """The part, or `None`."""
        return read_record(PartRecord, self._ask(self.client.get, self.key("part", part_id)))

    def account(self, name: str, provider: str) -> AccountRecord:
        """The account's shared record; a new one when nothing was written yet."""
        found = read_record(AccountRecord, self._ask(self.client.get, self.key("account", name)))
        return found or AccountRecord(account=name, provider=provider)

    def parts(self, part_ids: Sequence[str], unread: Unread | None = None) -> Iterator[PartRecord]:
        """The parts that exist, in the order asked for.

        One that cannot be read is left out when `unread` is told of it; without `unread` it raises `Unreadable`.
        """
        return self._records("part", PartRecord, part_ids, unread)

    def uploads(self, upload_ids: Sequence[str], unread: Unread | None = None) -> Iterator[UploadRecord]:
        """The uploads that exist and were not purged, in the order asked for; `unread` as in `parts`."""
        return self._records("upload", UploadRecord, upload_ids, unread)

    def _records(self, kind: str, shape: type[R], names: Sequence[str], unread: Unread | None) -> Iterator[R]:
        for start in range(0, len(names), FETCH_RECORDS):
            batch = names[start : start + FETCH_RECORDS]
            found = self._ask(self.client.mget, [self.key(kind, name) for name in batch])
            for name, raw in zip(batch, found, strict=True):
                try:
                    record = None if tombstone_in(raw or "") else read_record(shape, raw)
                except Unreadable as error:
                    if unread is None:
                        raise
                    unread(name, error)
                    continue
                if record is not None:
                    yield record

    def parts_of(self, upload: UploadRecord, unread: Unread | None = None) -> Iterator[PartRecord]:
        """The parts of an upload, by index; `unread` as in `parts`."""
        return self.parts([f"{upload.upload_id}/{index}" for index in range(upload.parts_total)], unread)

    def part_counts(self, upload_id: str) -> Mapping[str, int]:
        """How many parts of an upload are in each state, also in one that only a later version knows; none is 0."""
        counts: dict[str, str] = self._ask(self.client.hgetall, self.key("upload", upload_id, "parts"))
        return {word: int(n) for word, n in counts.items() if word != "rows_done" and int(n)}

    def schema_version(self) -> int:
        """The latest schema version that any process has written; 0 before anything was written."""
        return int(self._ask(self.client.get, self.key("schema")) or 0)

    def parts_of_remotes(self, scope: str, remote_ids: Sequence[str]) -> list[str]:
        """The parts that remote ids of one account at one service belong to; ids that are nobody's are left out."""
        owners = self._ask(self.client.hmget, self.key("remote", scope), list(remote_ids)) if remote_ids else []
        return [owner for owner in owners if owner is not None]

    def part_of_remote(self, scope: str, remote_id: str) -> str | None:
        """The part that a remote id of one account at one service (`PartRecord.remote_scope`) belongs to."""
        owner: str | None = self._ask(self.client.hget, self.key("remote", scope), remote_id)
        return owner

    def highest_remote(self, scope: str) -> int | None:
        """The highest remote id that was ever known of one account at one service, where ids are numbers."""
        found = self._ask(self.client.hget, self.key("highest"), scope)
        return None if found is None else int(found)

    def was_purged(self, scope: str, remote_id: str) -> bool:
        """Whether a remote id belonged to a part of an upload that was purged, as long as its tombstone is kept."""
        found = self._ask(self.client.zscore, self.key("remote_purged"), f"{scope}|{remote_id}")
        return found is not None

    def reuse_offer(self, account: str, reuse_key: str) -> str | None:
        """The part whose verdicts are the newest on what the key stands for, while its record is kept."""
        offer: str | None = self._ask(self.client.hget, self.key("reuse", account), reuse_key)
        return offer and offer.partition(" ")[2]

    def purged_total(self) -> int:
        """How many uploads have been purged so far."""
        counters: dict[str, str] = self._ask(self.client.hgetall, self.key("counters"))
        return sum(int(count) for name, count in counters.items() if name.startswith("purged|"))

    def intake_paused(self) -> bool:
        """Whether an intake has said lately that it reads nothing because the server is nearly full."""
        return bool(self._ask(self.client.exists, self.key(*INTAKE_PAUSED)))

    def timeline(self, upload_id: str) -> list[dict[str, Any]]:
        """What happened to an upload, oldest first."""
        entries = self._ask(self.client.lrange, self.key("timeline", upload_id), 0, -1)
        return [from_entry(entry) for entry in entries]

    def upload_ids(
        self,
        *,
        states: Collection[str] | None = None,
        account: str | None = None,
        kind: str | None = None,
        most: int,
    ) -> list[str]:
        """Ids of uploads, those that entered their state last first; `None` means any."""
        found: list[tuple[float, str]] = []
        for name in self._ask(self.client.smembers, self.key("indexes")):
            record_type, of_account, of_kind, of_state = name.split(":")
            wanted = (states is None or of_state in states) and account in (None, of_account)
            if record_type == "upload" and wanted and kind in (None, of_kind):
                newest = self._ask(self.client.zrevrange, self.key("index", name), 0, most - 1, withscores=True)
                found.extend((score, upload_id) for upload_id, score in newest)
        return [upload_id for _, upload_id in sorted(found, reverse=True)[:most]]

    def rows_today(self, producer: str) -> int:
        """Rows that count for a producer on the present day (UTC)."""
        key = self.key("quota", str(int(self.now() // DAY_SECONDS)))
        return int(self._ask(self.client.hget, key, producer) or 0)

    def budget_used(self, account: str) -> int:
        """Rows that an account's parts have reserved or committed on the present day (UTC)."""
        key = self.key("budget", str(int(self.now() // DAY_SECONDS)))
        return int(self._ask(self.client.hget, key, account) or 0)

    def active_parts(self, account: str) -> int:
        """Parts that occupy, or may occupy, a remote job of the account."""
        return int(self._ask(self.client.scard, self.key("active", account)))

    # Writing

    def commit(self, change: Change) -> Written:
        """Write a decision whole.

        Raises `Stale`, `Taken`, `Full`, `OverQuota` or `OverBudget` when nothing was written, `StoreUnavailable` when
        that cannot be known.
        """
        (outcome,) = self.commit_many([change])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def commit_many(self, changes: Sequence[Change]) -> list[Written | StoreError]:
        """Write decisions in one round trip, each whole or not at all, whatever becomes of the others.

        For each, in order, what `commit` would return or raise. Raises `StoreUnavailable` when for one of them that
        cannot be known.
        """
        txns = [new_txn() for _ in changes]
        texts = [self._encoded(change, txn) for change, txn in zip(changes, txns, strict=True)]
        replies = self._ask(self._repeat.call_with_retry, lambda: self._run_commits(texts), lambda _error: None)
        return [_outcome(reply, txn) for reply, txn in zip(replies, txns, strict=True)]

    def _encoded(self, change: Change, txn: str) -> str:
        return encode(
            change,
            txn,
            timeline_max=self.limits.timeline_entries,
            events_max=self.limits.events_entries,
            rejected_max=self.limits.rejected_entries,
        )

    def _run_commits(self, texts: Sequence[str]) -> list[Any]:
        if len(texts) == 1:
            return [self._run("commit", [KEY_PREFIX], texts[0], self.clock_offset_seconds)]
        pipeline = self.client.pipeline(transaction=False)
        for text in texts:
            self._scripts["commit"](keys=[KEY_PREFIX], args=[text, self.clock_offset_seconds], client=pipeline)
        return pipeline.execute(raise_on_error=False)

    def put_result(self, upload_id: str, rows: bytes, ttl_seconds: int) -> float:
        """Keep a copy of an upload's result for applications, for `ttl_seconds`; the store's time when it goes."""
        until = self.now() + ttl_seconds
        self._ask(self.client.set, result_key(upload_id), rows, ex=ttl_seconds)
        return until

    # What is due

    def put_off(self, account: str, lane: Lane, items: Iterable[str], seconds: float) -> None:
        """Have items that this process cannot read looked at again in `seconds`; their records stay as they are."""
        until = self.now() + seconds
        # Only what is there, and only forward: the item may have been written meanwhile.
        self._ask(self.client.zadd, self.key("due", account, lane), dict.fromkeys(items, until), xx=True, gt=True)

    def due(self, account: str, lane: Lane, until: float, most: int, since: float = float("-inf")) -> list[str]:
        """Items of an account's lane that are due from `since` to `until`, those due first first."""
        found: list[str] = self._ask(
            self.client.zrangebyscore, self.key("due", account, lane), since, until, start=0, num=most
        )
        return found

    def next_due(self, account: str, lane: Lane) -> float | None:
        """When the first item of an account's lane is due."""
        first = self._ask(self.client.zrange, self.key("due", account, lane), 0, 0, withscores=True)
        return float(first[0][1]) if first else None

    def claim_overdue(self, grace_seconds: float, rearm_seconds: float, most: int) -> list[Due]:
        """What should have been looked at `grace_seconds` ago and was not; handed to no other caller for a while."""
        waits = (grace_seconds, rearm_seconds, LINE_LOOK_SECONDS)
        flat = self.run_script("claim_overdue", [KEY_PREFIX], *waits, most)
        known = set(Lane)
        claimed = [flat[i : i + 3] for i in range(0, len(flat), 3)]
        return [Due(account, Lane(lane), item) for account, lane, item in claimed if lane in known]

    def take_token(self, account: str, interval_seconds: float, burst_calls: int, urgency: Urgency) -> float:
        """Take one call token; 0.0 when it was taken, else the seconds until it makes sense to ask again."""
        keys = [self.key("rate", account), self.key("rate", account, "claims")]
        urgencies = (int(urgency), len(Urgency), SHARE_CALLS)
        return float(self.run_script("take_token", keys, interval_seconds, burst_calls, *urgencies))

    def tick(self, name: str, period_seconds: float) -> bool:
        """Whether this caller is the one to do the periodic work `name` in the present period."""
        slot = int(self.now() // period_seconds)
        key = self.key("tick", name, str(slot))
        return bool(self._ask(self.client.set, key, "1", nx=True, ex=max(int(period_seconds * 2), 1)))

    # The remote list

    def open_attempts(self, account: str, unread: Unread | None = None) -> Iterator[PartRecord]:
        """Parts of an account with an attempt whose outcome is not known; `unread` as in `parts`."""
        ids = sorted(self._ask(self.client.smembers, self.key("intents", account)))
        return (part for part in self.parts(ids, unread) if part.attempt is not None)


def _outcome(reply: Any, txn: str) -> Written | StoreError:  # noqa: ANN401 - whatever the script returns
    if isinstance(reply, OUTAGES):
        raise StoreUnavailable(f"Redis took not all of several writes ({type(reply).__name__}).")
    if isinstance(reply, redis.RedisError):
        return Unreadable(f"The server could not compare a record with what was read ({type(reply).__name__}).")
    try:
        return outcome_of(reply, txn)
    except StoreError as answer:
        return answer
