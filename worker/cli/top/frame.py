"""One frame: the figures of one moment, ready to be laid out or written as a document."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from worker.cli.health.accounts import pauses
from worker.cli.health.check import State, most_severe_first
from worker.cli.health.checks import checks_of
from worker.cli.health.drift import open_classes
from worker.cli.health.reading import is_open
from worker.cli.health.work import results_ending
from worker.core.states import PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading
    from worker.cli.top.pace import Rate, Rows
    from worker.store.census import AccountFigures

_STATES = {"upload": tuple(map(str, UploadState)), "part": tuple(map(str, PartState))}


class Kept(NamedTuple):
    """What is kept back of an account's calls, why, and until when nobody tries (epoch seconds)."""

    what: str
    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account; `None` where nothing is known, or nothing limits it."""

    name: str
    provider: str
    jobs: int
    jobs_max: int | None
    attempts_open: int
    overdue: int
    rows_today: int
    rows_today_max: int | None
    credits: int | None
    credits_at: float | None
    drift_open: int
    kept_back: tuple[Kept, ...]
    #: When the provider deletes the first result that is not fetched, epoch seconds.
    result_ends_at: float | None
    #: Why its record cannot be read; empty where it can.
    unread: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that is shown."""

    reading: Reading
    rows: Rows
    #: Rows a minute; `None` before there is a second frame.
    rate: Rate | None
    accounts: tuple[AccountRow, ...]
    #: What is not well, the most severe first.
    needs: tuple[Check, ...]

    @classmethod
    def of(cls, reading: Reading, rows: Rows, rate: Rate | None) -> Frame:
        """The frame of a reading."""
        needs = [check for check in checks_of(reading) if check.state is not State.OK]
        accounts = tuple(_account(reading, account) for account in reading.figures.accounts)
        return cls(reading, rows, rate, accounts, tuple(most_severe_first(needs)))

    def by_state(self, record: str) -> dict[str, int]:
        """How many uploads or parts are in each state, also in one of a later version; none is 0."""
        known = [*_STATES[record], *(each.state for each in self.reading.figures.members if each.record == record)]
        counts = {state: self.reading.count(record, state) for state in dict.fromkeys(known)}
        return {state: number for state, number in counts.items() if number}

    def oldest(self) -> Iterator[tuple[str, str, float]]:
        """Record, state, and for how many seconds the oldest is in it, of every state that is not an end."""
        places = {(each.record, each.state): None for each in self.reading.figures.members if is_open(each)}
        for record, state in places:
            since = self.reading.oldest_at(record, state)
            if since is not None:
                yield record, state, max(self.reading.now - since, 0.0)

    def as_document(self) -> dict[str, object]:
        """The frame for programs; times are epoch seconds."""
        reading, figures, waiting = self.reading, self.reading.figures, self.reading.waiting
        return {
            "at": figures.at,
            "uploads": self.by_state("upload"),
            "parts": self.by_state("part"),
            "oldest_seconds": [
                {"record": record, "state": state, "seconds": round(seconds, 3)}
                for record, state, seconds in self.oldest()
            ],
            "rows": self.rows._asdict(),
            "rows_per_minute": None if self.rate is None else self.rate._asdict(),
            "accounts": [_account_document(account) for account in self.accounts],
            "queues": None if waiting is None else {name: box._asdict() for name, box in waiting.boxes.items()},
            "delayed": None if waiting is None else {"messages": waiting.delayed, "due_at": waiting.delayed_due_at},
            "requests": {"waiting": figures.backlog_entries, "oldest_at": figures.backlog_oldest_at},
            "intake_paused": figures.intake_paused,
            "processes": {str(role): alive.processes for role, alive in figures.alive.items()},
            "redis": {"used_bytes": figures.memory.used_bytes, "limit_bytes": figures.memory.limit_bytes},
            "uploads_under_way": reading.under_way,
            "needs": [check.as_document() for check in self.needs],
        }


def _account(reading: Reading, figures: AccountFigures) -> AccountRow:
    configured, record = reading.accounts.get(figures.name), figures.record
    ends = {name: ends_at for name, ends_at, _ in results_ending(reading)}
    return AccountRow(
        name=figures.name,
        provider=reading.provider_of(figures.name),
        jobs=figures.active,
        jobs_max=None if configured is None else configured.max_active,
        attempts_open=figures.intents,
        overdue=sum(figures.overdue.values()),
        rows_today=figures.budget_used_rows,
        rows_today_max=None if configured is None else configured.rows_per_day_max,
        credits=None if record is None else record.credits_balance,
        credits_at=None if record is None else record.credits_at,
        drift_open=sum(open_classes(figures.drift).values()),
        kept_back=tuple(Kept(str(what), reason, until) for what, reason, until in pauses(record, reading.now)),
        result_ends_at=ends.get(figures.name),
        unread=figures.unread,
    )


def _account_document(account: AccountRow) -> dict[str, object]:
    return asdict(account) | {"kept_back": [kept._asdict() for kept in account.kept_back]}
