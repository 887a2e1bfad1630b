"""What every actor works with: the store, the storage, the accounts, and one way to carry out a decision."""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from worker.core.budget import BUDGET_REASON, next_day_at
from worker.core.line import Room, most_called
from worker.core.places import Places
from worker.core.reuse import reuse_key
from worker.core.schedule import PollPolicy
from worker.core.states import Lane, PartState
from worker.correlation import of_producer
from worker.gate import BURST_CALLS
from worker.log_events.decisions import level_of
from worker.rows.limits import Limits
from worker.store.errors import StoreError, Unreadable
from worker.store.lines import Lines
from worker.tracing.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from config.accounts import Account
    from config.settings import Settings
    from worker.core.change import Change
    from worker.core.records import AccountRecord, PartRecord, UploadRecord, WorkItem
    from worker.gate import StoreGate
    from worker.leaving import Leaving
    from worker.metrics import Metrics
    from worker.providers.port import Provider
    from worker.spending import Spending
    from worker.storage import Storage
    from worker.store.commit import Written
    from worker.store.store import Store
    from worker.workspace import Workspace

log = structlog.get_logger()

#: Hexadecimal digits that tell one service of an account from another.
SERVICE_DIGITS = 8
#: Parts that are called up in each round of an account that is not configured, and those that it may have: none of them
#: is submitted, so that its jobs take up no place.
UNKNOWN_CALLED = 10
UNKNOWN_ACTIVE_MAX = 1_000_000_000
#: Parts that wait for another day and are looked at once more on this one, at most.
WAKE_PARTS_MAX = 1_000


class Hints(Protocol):
    """Sends messages that say "look at this now". Any of them may be late, doubled or lost."""

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Ask the actor of `lane` to look at `item` in `delay_seconds`. Never raises: what is lost is re-armed."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An account with the provider's adapter that serves it, and the gate before that."""

    account: Account
    provider: Provider
    gate: StoreGate
    #: Where this process has seen the account's jobs in the remote list.
    places: Places = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Nothing was seen yet."""
        listed = self.provider.capabilities
        object.__setattr__(self, "places", Places(listed.list_page_rows, newest_first=listed.list_newest_first))

    @property
    def service(self) -> str:
        """Where the account speaks to, in a few letters; another base URL is another service."""
        return hashlib.sha256(f"{self.account.provider} {self.account.base_url}".encode()).hexdigest()[:SERVICE_DIGITS]

    def reuse_key(self, kind: str, rows: int, digest: str) -> str:
        """What verdicts on the values of that digest answer that this account is given now; see `worker.core.reuse`."""
        return reuse_key(
            account=self.account.name,
            service=self.service,
            kind=kind,
            version=self._version(kind),
            rows=rows,
            digest=digest,
        )

    def _version(self, kind: str) -> str:
        """The provider's verification, and the account's own rules for verdicts of the kind, where there are any."""
        rules = [rule.model_dump_json() for rule in self.account.verdicts if rule.kind == kind]
        return " ".join([str(self.account.verification_version), *rules])

    def is_named(self, record: AccountRecord) -> bool:
        """Whether the account's list is known to show the names that were given; `record` is the account's."""
        return self.provider.capabilities.name_echo and record.echo_proven

    @property
    def remote_scope(self) -> str:
        """Where this account's remote ids are unique: see `PartRecord.remote_scope`."""
        return f"{self.account.name}@{self.service}"


def process_name() -> str:
    """This process, as leases and attempt records name it: host, process id, and a nonce that no restart repeats."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Context:
    """The parts of one running process, put together once by `worker.wiring`."""

    settings: Settings
    store: Store
    storage: Storage
    workspace: Workspace
    spending: Spending
    accounts: Mapping[str, Connected]
    hints: Hints
    metrics: Metrics
    leaving: Leaving
    spans: Spans = field(default_factory=Spans)
    process: str = field(default_factory=process_name)

    @property
    def lines(self) -> Lines:
        """Who waits for the accounts."""
        return Lines(self.store)

    @property
    def limits(self) -> Limits:
        """How large an input may be."""
        return Limits.of(self.settings)

    @property
    def policy(self) -> PollPolicy:
        """The bounds of the poll schedule."""
        settings = self.settings
        return PollPolicy(
            settings.poll_floor_seconds, settings.poll_cap_seconds, settings.poll_epsilon, settings.missing_job_seconds
        )

    def apply(self, change: Change) -> Written:
        """Carry out a decision: write it, count it, log it, and hint at what comes next.

        Raises `Stale`, `Taken`, `Full` or `StoreUnavailable` from the store, and then nothing else was done.
        """
        written = self.store.commit(change)
        self._tell(change)
        for item in written_items(change) if change.stand is None else ():
            self._hint(item, written.at)
        return written

    def apply_looks(self, changes: Sequence[Change]) -> list[Written | StoreError]:
        """Carry out what looks at parts have shown in one write, each decision as `apply` does or not at all.

        For each what the store answered. No poll is asked for: the turn that has looked plans the next one itself.
        """
        answers = self.store.commit_many(changes) if changes else []
        for change, answer in zip(changes, answers, strict=True):
            if not isinstance(answer, StoreError):
                self._tell(change)
                for item in written_items(change):
                    if item.lane is not Lane.POLL:
                        self._hint(item, answer.at)
        return answers

    def _tell(self, change: Change) -> None:
        item = next(written_items(change), None)
        provider, kind = (item.provider, item.kind) if item else ("", "")
        self.metrics.decided(
            change.decision, provider=provider, account=change.account, kind=kind, reason=change.reason
        )
        details = dict(change.details) if change.details is not None else {}
        write = getattr(log, level_of(change.decision, heartbeat=change.details is None))
        part = change.parts[0].index if len(change.parts) == 1 and not change.uploads else None
        producer = {} if item is None else of_producer(item)
        bound = {"upload_id": change.upload_id, "account": change.account, "part": part, "reason": change.reason}
        given = {name: value for name, value in bound.items() if value not in (None, "")}
        write(change.decision, **(given | producer | details))

    def _hint(self, item: UploadRecord | PartRecord, now: float) -> None:
        if item.lane is None or item.due_at is None or item.lease is not None:
            return
        if item.lane is Lane.POLL:
            self.hint_poll(item.account, item.due_at)
        else:
            self.hints.send(item.lane, item_id(item), item.epoch, max(item.due_at - now, 0.0))

    def leave(self, lane: Lane | str, item: str, error: Unreadable) -> None:
        """Note that `item` is left as it is, because this process cannot read it, or something that it needs."""
        self.leaving.left(str(lane), error.reason, item=item, error=str(error))

    def nudge(self, upload_id: str) -> None:
        """Have the whole upload looked at now, because one of its parts has reached an end."""
        try:
            upload = self.store.upload(upload_id)
        except Unreadable as error:
            self.leave(Lane.DELIVER, upload_id, error)
            return
        if upload is not None and upload.lane is Lane.DELIVER and upload.lease is None:
            self.hints.send(Lane.DELIVER, upload_id, upload.epoch, 0.0)

    def wake_next(self, account: str) -> None:
        """Have as many parts of the account's lines looked at as there is room for, by turns; cheap without a line.

        The lines of an account whose record cannot be read are left, so that they hold up no other's.
        """
        if not self.lines.exist(account):
            return
        try:
            room = self._room(account)
        except Unreadable as error:
            self.leave(Lane.SUBMIT, account, error)
            return
        turns = {turn.part_id: turn for turn in self.lines.call_up(account, room)}
        for part in self.store.parts([*turns], lambda part_id, error: self.leave(turns[part_id].lane, part_id, error)):
            turn = turns[part.part_id]
            if part.lane is turn.lane:
                self.hints.send(turn.lane, part.part_id, part.epoch, turn.delay_seconds)

    def _room(self, account: str) -> Room:
        connected = self.accounts.get(account)
        if connected is None:
            # They are told so, some in each round.
            return Room(UNKNOWN_CALLED, UNKNOWN_CALLED, 1.0 / UNKNOWN_CALLED, UNKNOWN_CALLED, UNKNOWN_ACTIVE_MAX, None)
        record, now = self.store.account(account, connected.account.provider), self.store.now()
        return Room(
            collect_max=most_called(record, now, spends=False),
            submit_max=most_called(record, now, spends=True),
            interval_seconds=1.0 / connected.account.requests_per_second,
            burst_calls=BURST_CALLS,
            active_max=connected.account.max_active,
            intents_max=None if connected.is_named(record) else 1,
        )

    def wake_paused(self, account: str, *, spending_only: bool) -> None:
        """Have what a pause of the account has held looked at: jobs at once, all else by turns."""
        if not spending_only:
            self.hint_poll(account, None)
        self.wake_next(account)

    def wake_budgeted(self, account: str) -> None:
        """Have parts looked at that wait for another day, as many as fit into what is left of this one.

        Each a call's time after the other; at most `WAKE_PARTS_MAX`, the rest when the day is over.
        """
        rate = self.accounts[account].account.requests_per_second
        most_rows = self.accounts[account].account.rows_per_day_max
        left_rows = math.inf if most_rows is None else most_rows - self.store.budget_used(account)
        number = 0
        for part in self._budgeted(account):
            if part.rows <= left_rows:
                left_rows -= part.rows
                self.hints.send(Lane.SUBMIT, part.part_id, part.epoch, number / rate)
                number += 1

    def _budgeted(self, account: str) -> Iterator[PartRecord]:
        """Parts that wait for the next day. They are due when it begins, however many others of the lane are sooner."""
        begins_at = next_day_at(self.store.now())
        waiting = self.store.due(account, Lane.SUBMIT, begins_at, WAKE_PARTS_MAX, since=begins_at)
        for part in self.store.parts(waiting, lambda part_id, error: self.leave(Lane.SUBMIT, part_id, error)):
            if part.state is PartState.HELD and part.reason == BUDGET_REASON and part.lease is None:
                yield part

    def hint_poll(self, account: str, wanted_at: float | None) -> None:
        """See to it that the account's one poll message runs by `wanted_at` (`None`: now)."""
        planned = self.store.offer_poll(account, wanted_at, self.settings.poll_slack_seconds)
        if planned is not None:
            epoch, delay_seconds = planned
            self.hints.send(Lane.POLL, account, epoch, delay_seconds)


def item_id(item: UploadRecord | PartRecord | WorkItem) -> str:
    """The id by which messages, leases and the due set name a record."""
    return str(getattr(item, "part_id", None) or getattr(item, "upload_id", ""))


def written_items(change: Change) -> Iterator[UploadRecord | PartRecord]:
    """The uploads and parts that a change writes."""
    yield from change.uploads
    yield from change.parts
