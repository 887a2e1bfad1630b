"""A count of everything in the state database, in two round trips.

The cost grows with accounts x kinds x states and not with records: every figure is a size, or one end of an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import redis

from producers.contract import UPLOADS_STREAM
from worker.core.records import AccountRecord
from worker.core.retention import DAY_SECONDS
from worker.core.states import PART_LANES, UPLOAD_LANES, Lane
from worker.store.errors import StoreUnavailable, Unreadable
from worker.store.keys import INTAKE_PAUSED
from worker.store.memory import Memory
from worker.store.reading import read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from redis.client import Pipeline

    from worker.store.store import Store

#: Lanes in which work items wait.
WAITING_LANES = tuple(lane for lane in Lane if lane in {*UPLOAD_LANES.values(), *PART_LANES.values()})


class Members(NamedTuple):
    """How many uploads or parts are in one state."""

    #: `upload` or `part`.
    record: str
    account: str
    kind: str
    state: str
    size: int
    #: When the one that is longest in this state entered it, epoch seconds; `None` when there is none.
    oldest_at: float | None


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """What the store knows of one account."""

    name: str
    #: `None` while nothing was written for the account, and where `unread` says why it cannot be read.
    record: AccountRecord | None
    unread: str
    #: Credits by ledger entry; entries that never happened are absent.
    ledger: Mapping[str, int]
    active: int
    intents: int
    #: What the last walk over the remote list showed (see `worker.store.sweeps`); empty before the first one.
    sweep: Mapping[str, str]
    #: Open findings by `open:<class>` (see `worker.store.findings`); empty before the first sweep.
    drift: Mapping[str, str]
    #: Rows that its parts have reserved or committed on the present day (UTC).
    budget_used_rows: int
    #: Work items that are due for longer than the grace, by lane; every lane of `WAITING_LANES` is there.
    overdue: Mapping[Lane, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole census."""

    #: Epoch seconds by the store's clock.
    at: float
    members: Sequence[Members]
    accounts: Sequence[AccountFigures]
    #: Outcome counters: labels joined by `|`.
    counters: Mapping[str, int]
    backlog_entries: int
    #: When the request that waits longest was added, epoch seconds.
    backlog_oldest_at: float | None
    #: Whether intake reads no requests because the server is nearly full.
    intake_paused: bool
    memory_bytes: int
    #: 0: no limit.
    memory_limit_bytes: int


class Census:
    """Counts what is in a store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        """`store`'s client bounds how long one answer may take."""
        self._store = store

    def take(self, accounts: Iterable[str], grace_seconds: float) -> Figures:
        """Count everything, for these accounts and all that have uploads.

        `grace_seconds`: how long a work item may be due before it counts as overdue. Raises `StoreUnavailable`.
        """
        try:
            return self._take(accounts, grace_seconds)
        except redis.RedisError as error:
            reason = type(error).__name__
        raise StoreUnavailable(
            f"Redis did not answer the census ({reason}). Check BULKVERIFY_REDIS_URL and the server."
        )

    def _take(self, accounts: Iterable[str], grace_seconds: float) -> Figures:
        key, offset_seconds = self._store.key, self._store.clock_offset_seconds
        with self._store.client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.smembers(key("indexes"))
            pipe.hgetall(key("counters"))
            pipe.xlen(UPLOADS_STREAM)
            pipe.xrange(UPLOADS_STREAM, count=1)
            pipe.exists(key(*INTAKE_PAUSED))
            pipe.info("memory")
            (seconds, microseconds), indexes, counters, entries, oldest, paused, memory = pipe.execute()
        now = seconds + microseconds / 1e6 + offset_seconds
        names: list[list[str]] = [name.split(":") for name in sorted(indexes)]
        known = sorted({*accounts, *(account for _, account, _, _ in names)})

        with self._store.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zcard(key("index", *name))
                pipe.zrange(key("index", *name), 0, 0, withscores=True)
            for account in known:
                self._ask_account(pipe, account, now, grace_seconds)
            answers = iter(pipe.execute())
        used, limit = Memory.of(memory)
        return Figures(
            at=now,
            members=[_members(name, answers) for name in names],
            accounts=[_account(account, answers) for account in known],
            counters={name: int(count) for name, count in counters.items()},
            backlog_entries=entries,
            backlog_oldest_at=_entry_time(oldest[0][0]) if oldest else None,
            intake_paused=bool(paused) or 0 < limit <= used,
            memory_bytes=used,
            memory_limit_bytes=limit,
        )

    def _ask_account(self, pipe: Pipeline, account: str, now: float, grace_seconds: float) -> None:
        key = self._store.key
        pipe.get(key("account", account))
        pipe.hgetall(key("ledger", account))
        pipe.scard(key("active", account))
        pipe.scard(key("intents", account))
        pipe.hgetall(key("sweep", account))
        pipe.hgetall(key("drift", account))
        pipe.hget(key("budget", str(int(now // DAY_SECONDS))), account)
        for lane in WAITING_LANES:
            pipe.zcount(key("due", account, lane), "-inf", now - grace_seconds)


def _members(name: Sequence[str], answers: Iterator[Any]) -> Members:
    record, account, kind, state = name
    size, oldest = next(answers), next(answers)
    return Members(record, account, kind, state, int(size), float(oldest[0][1]) if oldest else None)


def _account(name: str, answers: Iterator[Any]) -> AccountFigures:
    raw, ledger, active, intents, sweep, drift, budget_used = (next(answers) for _ in range(7))
    record, unread = _record(raw)
    return AccountFigures(
        name=name,
        record=record,
        unread=unread,
        ledger={entry: int(credits_) for entry, credits_ in ledger.items()},
        active=int(active),
        intents=int(intents),
        sweep=sweep,
        drift=drift,
        budget_used_rows=int(budget_used or 0),
        overdue={lane: int(next(answers)) for lane in WAITING_LANES},
    )


def _record(raw: str | None) -> tuple[AccountRecord | None, str]:
    try:
        return read_record(AccountRecord, raw), ""
    except Unreadable as error:
        return None, str(error)


def _entry_time(entry_id: str) -> float:
    """Epoch seconds of a stream entry: its id begins with the milliseconds."""
    return int(entry_id.partition("-")[0]) / 1000
