"""One reading of an installation: the exporter's own figures, and the few records that a person has to be told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from worker.core.states import PART_TERMINAL, UPLOAD_TERMINAL, PartState, UploadState
from worker.store.census import Census
from worker.store.errors import StoreUnavailable
from worker.store.oldest import oldest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.account import Account
    from config.settings import Settings
    from worker.core.records import PartRecord
    from worker.exporter.queues import Queues, Waiting
    from worker.store.census import Figures, Members
    from worker.store.store import Store

#: Parts in quarantine that are read, those that wait longest.
QUARANTINED_READ_MAX = 10
#: Seconds that an upload or a part may be in a state in which this program itself acts, before somebody should ask why.
#: What waits for its account, its provider or its parts is not among them, but for jobs that run for a day.
STAY_SECONDS_MAX: Mapping[str, float] = {
    f"upload {UploadState.ACCEPTED}": 600.0,
    f"upload {UploadState.PREPARING}": 3_600.0,
    f"upload {UploadState.DELIVERING}": 3_600.0,
    f"part {PartState.INTENT}": 21_600.0,
    f"part {PartState.SUBMITTED}": 86_400.0,
    f"part {PartState.FINISHED}": 3_600.0,
}
_ENDS: Mapping[str, frozenset[str]] = {
    "upload": frozenset(map(str, UPLOAD_TERMINAL)),
    "part": frozenset(map(str, PART_TERMINAL)),
}


class Stuck(NamedTuple):
    """An upload or a part that is longer in its state than its like should be."""

    record: str
    account: str
    state: str
    #: The upload's id, or `<upload_id>/<index>`.
    item: str
    seconds: float

    @property
    def upload_id(self) -> str:
        """The upload that `why` explains."""
        return self.item.rpartition("/")[0] if self.record == "part" else self.item


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that the checks of figures look at, of one moment."""

    settings: Settings
    #: The accounts that are configured here.
    accounts: Mapping[str, Account]
    figures: Figures
    #: `None` where the broker's database does not answer, and why.
    waiting: Waiting | None = None
    broker_fault: str = ""
    #: Those parts in quarantine that wait longest; `figures` count all.
    quarantined: tuple[PartRecord, ...] = ()
    #: Ids of quarantined parts whose records cannot be read.
    unread: tuple[str, ...] = ()
    stuck: tuple[Stuck, ...] = ()

    @property
    def now(self) -> float:
        """Epoch seconds by the store's clock."""
        return self.figures.at

    def count(self, record: str, state: str) -> int:
        """How many uploads or parts of all accounts are in a state."""
        return sum(each.size for each in self.figures.members if (each.record, each.state) == (record, state))

    def oldest_at(self, record: str, state: str) -> float | None:
        """When the one that is longest in a state entered it."""
        times = [
            each.oldest_at
            for each in self.figures.members
            if (each.record, each.state) == (record, state) and each.oldest_at is not None
        ]
        return min(times, default=None)

    @property
    def under_way(self) -> int:
        """Uploads that have not reached their end, in whatever state."""
        return sum(each.size for each in self.figures.members if is_open(each) and each.record == "upload")

    def provider_of(self, account: str) -> str:
        """The provider of an account, empty where neither the configuration nor a record knows it."""
        if account in self.accounts:
            return self.accounts[account].provider
        records = [each.record for each in self.figures.accounts if each.name == account]
        return records[0].provider if records and records[0] is not None else ""


class Reader:
    """Takes readings of one installation, at a cost that does not grow with its records."""

    def __init__(self, settings: Settings, accounts: Mapping[str, Account], store: Store, queues: Queues) -> None:
        """`store` and `queues` are asked; `settings` and `accounts` are what the figures are measured against."""
        self._settings = settings
        self._accounts = accounts
        self._store = store
        self._census = Census(store)
        self._queues = queues

    def read(self) -> Reading:
        """The installation now. Raises `StoreUnavailable` where the state database does not answer."""
        settings = self._settings
        figures = self._census.take(self._accounts, settings.rearm_grace_seconds, settings.heartbeat_timeout_seconds)
        waiting, fault = self._waiting()
        unread: list[str] = []
        quarantined = self._quarantined(figures, unread)
        return Reading(
            settings=settings,
            accounts=self._accounts,
            figures=figures,
            waiting=waiting,
            broker_fault=fault,
            quarantined=quarantined,
            unread=tuple(unread),
            stuck=tuple(self._stuck(figures)),
        )

    def _waiting(self) -> tuple[Waiting | None, str]:
        try:
            return self._queues.count(), ""
        except StoreUnavailable as error:
            return None, str(error)

    def _quarantined(self, figures: Figures, unread: list[str]) -> tuple[PartRecord, ...]:
        held = [each for each in figures.members if each.record == "part" and each.state == PartState.QUARANTINED]
        if not any(each.size for each in held):
            return ()
        ids = [item for _, item in oldest_of(self._store, held, QUARANTINED_READ_MAX)]
        return tuple(self._store.parts(ids, lambda part_id, _error: unread.append(part_id)))

    def _stuck(self, figures: Figures) -> Iterator[Stuck]:
        for group in overlong(figures):
            for since, item in oldest_of(self._store, [group], 1):
                yield Stuck(group.record, group.account, group.state, item, figures.at - since)


def overlong(figures: Figures) -> list[Members]:
    """The groups whose oldest is longer in its state than its like should be."""
    return [
        each
        for each in figures.members
        if each.oldest_at is not None
        and figures.at - each.oldest_at > STAY_SECONDS_MAX.get(f"{each.record} {each.state}", float("inf"))
    ]


def is_open(members: Members) -> bool:
    """Whether the state of these uploads or parts is not an end."""
    return members.state not in _ENDS.get(members.record, frozenset())
