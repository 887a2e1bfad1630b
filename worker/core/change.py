"""A decision that has been taken: what it is called, and everything that changes with it in one atomic write."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.core.records import AccountRecord, PartRecord, UploadRecord


class Entry(StrEnum):
    """An entry of an account's ledger, in credits (1 credit = 1 value). Entries only ever grow."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"
    #: Not spent because equal values were folded, or verdicts on them were there and might be taken over.
    AVOIDED = "avoided"
    #: Spent twice for the same values.
    WASTED = "wasted"


@dataclass(frozen=True, slots=True)
class Event:
    """What applications are told: one entry of the events stream."""

    name: str
    upload_id: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A remote id that must belong to no other part of `scope`, one account at one service."""

    scope: str
    remote_id: str
    part_id: str


@dataclass(frozen=True, slots=True)
class Guard:
    """A limit that must hold when the change is written: fewer than `most` members in the account's set `name`."""

    account: str
    #: `active` (parts that occupy a remote job) or `intents` (parts with an attempt of unknown outcome).
    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Quota:
    """Rows that count for a producer on the day (UTC) of the write, with all of its others at most `most`."""

    producer: str
    rows: int
    #: `None`: they are counted, and nothing limits them.
    most: int | None


@dataclass(frozen=True, slots=True)
class Budget:
    """Rows that an account's parts may have reserved or committed on one day (UTC): with this change at most `most`.

    What a part takes of the day follows from its record. On another day than the write's the change is stale.
    """

    #: Days since 1970.
    day: int
    most: int


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a remote job took, kept with those of the last jobs that are alike; see `worker.core.durations`."""

    kind: str
    bucket: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The entry of the request stream that this change answers."""

    entry_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """One decision: written whole, or not at all.

    `decision` is the same word in the log, the counter and the timeline. The records carry the version that was read.
    """

    decision: str
    upload_id: str
    account: str
    uploads: tuple[UploadRecord, ...] = ()
    parts: tuple[PartRecord, ...] = ()
    accounts: tuple[AccountRecord, ...] = ()
    reason: str = ""
    #: Details for the timeline and the log; `None` writes no timeline entry (heartbeats of long work).
    details: Mapping[str, object] | None = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    ledger: Mapping[Entry, int] = field(default_factory=dict)
    #: Outcome counters to raise: name and bounded labels -> by how much.
    counters: Mapping[tuple[str, ...], int] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    #: Claims that are given up, before the new ones are made.
    disclaims: tuple[Claim, ...] = ()
    guards: tuple[Guard, ...] = ()
    quota: Quota | None = None
    budget: Budget | None = None
    #: What the end of a remote job says of how long such jobs take.
    duration: Duration | None = None
    acknowledge: Acknowledgement | None = None
    #: A request that was refused: fields of an entry of the rejected stream.
    rejected: Mapping[str, str] | None = None


def lease_change(record: UploadRecord | PartRecord) -> Change:
    """A lease was taken or renewed: written, and not worth an entry in the timeline."""
    is_part = hasattr(record, "index")
    return Change(
        "lease",
        record.upload_id,
        record.account,
        uploads=() if is_part else (record,),  # type: ignore[arg-type]  # told apart by the index
        parts=(record,) if is_part else (),  # type: ignore[arg-type]  # told apart by the index
        details=None,
    )
