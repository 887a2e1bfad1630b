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
from worker.store.pulse import Role, pulse_words
from worker.store.reading import read_record
from worker.store.safety import Safety

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from redis.client import Pipeline

    from worker.store.store import Store

#: Lanes in which work items wait.
WAITING_LANES = tuple(lane for lane in Lane if lane in {*UPLOAD_LANES.values(), *PART_LANES.values()})

#: What is asked of the server about itself.
INFO_SECTIONS = ("memory", "persistence", "stats")


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
    #: Work items under a lease that lasts, and under one that has ended and was not taken up.
    leases_held: int
    leases_expired: int
    #: When the provider finished the job that waits longest for its result to be fetched, epoch seconds.
    uncollected_since: float | None
    #: Work items that are due for longer than the grace, by lane; every lane of `WAITING_LANES` is there.
    overdue: Mapping[Lane, int]


class Alive(NamedTuple):
    """The processes of one role."""

    #: Heard within the time of silence that is allowed.
    processes: int
    #: When one of them was last heard, epoch seconds; 0: never.
    last_at: float


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
    memory: Memory
    safety: Safety
    alive: Mapping[Role, Alive]


class Census:
    """Counts what is in a store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        """`store`'s client bounds how long one answer may take."""
        self._store = store

    def take(self, accounts: Iterable[str], grace_seconds: float, silence_seconds: float) -> Figures:
        """Count everything, for these accounts and all that have uploads.

        `grace_seconds`: how long a work item may be due before it counts as overdue. `silence_seconds`: how long a
        process may not be heard before it counts as gone. Raises `StoreUnavailable`.
        """
        try:
            return self._take(accounts, grace_seconds, silence_seconds)
        except redis.RedisError as error:
            reason = type(error).__name__
        raise StoreUnavailable(
            f"Redis did not answer the census ({reason}). Check BULKVERIFY_REDIS_URL and the server."
        )

    def _take(self, accounts: Iterable[str], grace_seconds: float, silence_seconds: float) -> Figures:
        key, offset_seconds = self._store.key, self._store.clock_offset_seconds
        with self._store.client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.smembers(key("indexes"))
            pipe.hgetall(key("counters"))
            pipe.xlen(UPLOADS_STREAM)
            pipe.xrange(UPLOADS_STREAM, count=1)
            pipe.exists(key(*INTAKE_PAUSED))
            for section in INFO_SECTIONS:
                pipe.info(section)
            (seconds, microseconds), indexes, counters, entries, oldest, paused, *sections = pipe.execute()
        info = {name: value for section in sections for name, value in section.items()}
        now = seconds + microseconds / 1e6 + offset_seconds
        names: list[list[str]] = [name.split(":") for name in sorted(indexes)]
        known = sorted({*accounts, *(account for _, account, _, _ in names)})

        with self._store.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zcard(key("index", *name))
                pipe.zrange(key("index", *name), 0, 0, withscores=True)
            for account in known:
                self._ask_account(pipe, account, now, grace_seconds)
            for role in Role:
                pipe.zcount(key(*pulse_words(role)), now - silence_seconds, "+inf")
                pipe.zrange(key(*pulse_words(role)), -1, -1, withscores=True)
            answers = iter(pipe.execute())
        memory = Memory.of(info)
        return Figures(
            at=now,
            members=[_members(name, answers) for name in names],
            accounts=[_account(account, answers) for account in known],
            counters={name: int(count) for name, count in counters.items()},
            backlog_entries=entries,
            backlog_oldest_at=_entry_time(oldest[0][0]) if oldest else None,
            intake_paused=bool(paused) or memory.reaches(1.0),
            memory=memory,
            safety=Safety.of(info),
            # After the accounts, as they were asked for.
            alive={role: Alive(int(next(answers)), _score(next(answers)) or 0.0) for role in Role},
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
        pipe.zcount(key("leases", account), f"({now}", "+inf")
        pipe.zcount(key("leases", account), "-inf", now)
        pipe.zrange(key("uncollected", account), 0, 0, withscores=True)
        for lane in WAITING_LANES:
            pipe.zcount(key("due", account, lane), "-inf", now - grace_seconds)


def _members(name: Sequence[str], answers: Iterator[Any]) -> Members:
    record, account, kind, state = name
    size, oldest = next(answers), next(answers)
    return Members(record, account, kind, state, int(size), _score(oldest))


def _score(found: Sequence[tuple[str, float]]) -> float | None:
    """The score of the only member of a sorted set's range, if there is one."""
    return float(found[0][1]) if found else None


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
        leases_held=int(next(answers)),
        leases_expired=int(next(answers)),
        uncollected_since=_score(next(answers)),
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
