"""The records: one upload, its parts, and the account they run on, as they stand in the store.

Frozen values; a change is a copy. Times are epoch seconds by the store's clock. `version` counts writes: the store
refuses a write whose record has moved on since it was read. `epoch` counts leases: a hint of an earlier epoch is stale.
Fields that a newer program has added are kept as they are: see `worker.core.schema`. A field at its default is not
written, so a record without it has that default for ever: another default is another field, or a migration.
"""

# ruff: noqa: RUF012 - these are models of pydantic, which copies defaults
from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from worker.core.errors import IllegalMove
from worker.core.schema import SCHEMA_VERSION
from worker.core.states import (
    PART_LANES,
    PART_MOVES,
    PART_SALVAGES,
    PART_TERMINAL,
    PROVISIONAL_MOVES,
    UPLOAD_LANES,
    UPLOAD_MOVES,
    UPLOAD_SALVAGES,
    UPLOAD_TERMINAL,
    Lane,
    PartState,
    UploadState,
)
from worker.core.values import Absence, Attempt, Evidence, Lease, Pause, ResultSummary, SegmentFile, Trace, Value


class Record(Value):
    """What every stored record has."""

    #: What a migration, and the record's key in the store, call records of this shape.
    record_kind: ClassVar[str]

    schema_version: int = SCHEMA_VERSION
    version: int = 0
    #: A nonce of the write that made this version, so that a repeated write is recognised as its own, and a version
    #: that was written anew, after Redis was set back, is told from the one that was read.
    txn: str = ""

    def written(self, txn: str = "") -> Self:
        """The record as it stands in the store after it was written by the write `txn` (empty: not known)."""
        return self.model_copy(update={"version": self.version + 1, "txn": txn})


class WorkItem(Record):
    """An upload or a part at a stage, with the time when it must next be looked at."""

    moves: ClassVar[dict[str, frozenset[str]]]
    #: The ways out of an end.
    salvages: ClassVar[dict[str, frozenset[str]]]
    lanes: ClassVar[dict[str, Lane]]

    account: str
    provider: str
    kind: str
    #: When `state` was entered.
    since: float
    lane: Lane | None = None
    due_at: float | None = None
    epoch: int = 0
    lease: Lease | None = None
    #: Leases of the present stage that have brought no outcome.
    crashes: int = 0
    #: Times in a row that the present stage could not be done and was put off.
    tries: int = 0
    #: A bounded word for why the record is where it is, and the sentence that explains it.
    reason: str = ""
    message: str = ""
    trace: Trace = Trace()
    created_at: float
    updated_at: float

    def moved(self, state: str, now: float, *, due_at: float | None = None, **changes: object) -> Self:
        """A copy in `state`, in that state's lane, without a lease, due at `due_at` (default: at once).

        Raises `IllegalMove` when `state` may not follow the present one.
        """
        present = str(getattr(self, "state", ""))
        if state != present and state not in self.may_follow(present):
            raise IllegalMove(f"{type(self).__name__} cannot move from {present} to {state}.")
        return self._placed(state, now, due_at, changes)

    def salvaged(self, state: str, now: float, **changes: object) -> Self:
        """A copy of a record at its end that is taken up again, due at once. Raises `IllegalMove` for any other."""
        present = str(getattr(self, "state", ""))
        if state not in self.salvages.get(present, frozenset()):
            raise IllegalMove(f"{type(self).__name__} cannot be taken up again from {present} to {state}.")
        return self._placed(state, now, None, changes)

    def _placed(self, state: str, now: float, due_at: float | None, changes: dict[str, object]) -> Self:
        present = str(getattr(self, "state", ""))
        lane = self.lanes.get(state)
        since = self.since if state == present else now
        changes.setdefault("crashes", 0)
        changes.setdefault("tries", 0 if state != present else self.tries)
        placed = {
            "lane": lane,
            "due_at": None if lane is None else (now if due_at is None else due_at),
            "lease": None,
            "since": since,
            "updated_at": now,
        }
        return self.model_copy(update={"state": type(self).state_of(state), **placed, **changes})

    def may_follow(self, present: str) -> frozenset[str]:
        """The states that may follow the present one."""
        return self.moves[present]

    @classmethod
    def state_of(cls, word: str) -> UploadState | PartState:
        """The state that a word names."""
        raise IllegalMove(f"{cls.__name__} has no state {word}.")

    def leased(self, owner: str, now: float, seconds: float) -> Self:
        """A copy under lease to `owner`, one epoch further, next looked at when the lease ends.

        It counts as a crash until the stage's outcome is written: a worker that dies of the work itself is found out.
        """
        until = now + seconds
        return self.model_copy(
            update={
                "lease": Lease(owner=owner, until=until),
                "epoch": self.epoch + 1,
                "due_at": until,
                "crashes": self.crashes + 1,
                "updated_at": now,
            }
        )

    def renewed(self, now: float, seconds: float, **progress: object) -> Self:
        """A copy whose lease lasts `seconds` more, with what the work has come to."""
        lease = None if self.lease is None else self.lease.model_copy(update={"until": now + seconds})
        return self.model_copy(update={"lease": lease, "due_at": now + seconds, "updated_at": now, **progress})

    def leased_now(self, now: float) -> bool:
        """Whether somebody may be acting on this record."""
        return self.lease is not None and self.lease.until > now


class UploadRecord(WorkItem):
    """What a producer asked for, and how far it has come."""

    record_kind = "upload"
    moves = {str(k): frozenset(map(str, v)) for k, v in UPLOAD_MOVES.items()}
    salvages = {str(k): frozenset(map(str, v)) for k, v in UPLOAD_SALVAGES.items()}
    lanes = {str(k): v for k, v in UPLOAD_LANES.items()}

    upload_id: str
    label: str = ""
    producer: str = ""
    state: UploadState
    source: dict[str, str] = {}
    options: dict[str, str | int | bool] = {}
    #: How the values are to go to the provider: `auto` or the name of a submit method.
    method: str = "auto"
    #: Parts of the result that are wanted as the provider's own files too.
    segments: tuple[str, ...] = ()
    #: Where the result is wanted: `storage`, or `rows` (in the store too, for a while).
    result_place: str = "storage"
    #: What the result is written as: `csv` or `jsonl`; and whether cells that look like formulas are changed in it.
    result_format: str = "csv"
    spreadsheet_safe: bool = False
    #: Age in hours up to which verdicts that other parts have brought may be taken over; `None`: all are asked for.
    reuse_hours: float | None = None
    request_digest: str
    #: SHA-256 of what the list holds, which of a compressed one is its text.
    content_digest: str
    #: How the input was read, decided once by prepare.
    dialect: dict[str, object] | None = None
    #: Storage name of the staged copy of the input.
    input_object: str | None = None
    input_bytes: int = 0
    #: Storage name of the row index; empty where the record told none: the usual one.
    index_object: str = ""
    #: Whether the list at `source["remote_url"]` was, when it was staged, just what the only part sends.
    pullable: bool = False
    staged_rows: int = 0
    rows: int = 0
    empty: int = 0
    folded: int = 0
    withheld: int = 0
    distinct: int = 0
    #: Rows with more or fewer cells than the list has columns; `None` where nobody has counted them.
    ragged: int | None = None
    parts_total: int = 0
    cancel_requested: bool = False
    #: Whether the cancellation also gives up the verdicts that are paid for and not fetched yet.
    no_collect: bool = False
    result: ResultSummary | None = None
    finished_at: float | None = None
    #: When the record may be purged.
    retain_until: float | None = None
    #: Times that it was taken up again after its end, to deliver what had been paid for.
    reopened: int = 0

    @property
    def terminal(self) -> bool:
        """Whether the upload has reached its end."""
        return self.state in UPLOAD_TERMINAL

    @classmethod
    def state_of(cls, word: str) -> UploadState:
        """The upload state that a word names."""
        return UploadState(word)


class PartRecord(WorkItem):
    """A slice of an upload's folded values that becomes exactly one remote job."""

    record_kind = "part"
    moves = {str(k): frozenset(map(str, v)) for k, v in PART_MOVES.items()}
    salvages = {str(k): frozenset(map(str, v)) for k, v in PART_SALVAGES.items()}
    lanes = {str(k): v for k, v in PART_LANES.items()}

    upload_id: str
    index: int
    state: PartState
    #: Values in the part, which is also its price in credits.
    rows: int
    digest: str
    #: Storage name of the values to send; empty where the record told none: the usual one.
    values_object: str
    #: Digest of that object's bytes; empty where an earlier version did not keep it.
    values_sha256: str = ""
    token: str
    attempts: int = 0
    #: Attempts that do not count against the most there may be: a person has let it go on after them.
    attempts_from: int = 0
    attempt: Attempt | None = None
    evidence: tuple[Evidence, ...] = ()
    #: The highest remote id that was known on the account when its first attempt began, where ids are numbers.
    watermark: int | None = None
    #: Walks over the remote list for the open attempt, and those of them that did not show it and should have.
    searches: int = 0
    absences: tuple[Absence, ...] = ()
    #: Whether `remote_id` was found by its time alone: confirmed, or undone, when the values of its result are known.
    provisional: bool = False
    #: Remote ids whose results turned out to hold other values.
    excluded: tuple[str, ...] = ()
    remote_id: str | None = None
    #: Where the account spoke to when the part was submitted: remote ids mean something only there.
    service: str = ""
    #: The method of its latest attempt.
    method: str = ""
    credits_reserved: int = 0
    credits_committed: int = 0
    #: The day (UTC, days since 1970) to whose budget its credits belong.
    budget_day: int | None = None
    remote_word: str = ""
    progress: float | None = None
    rows_done: int = 0
    looks: int = 0
    observed_at: float | None = None
    progressed_at: float | None = None
    submitted_at: float | None = None
    #: When the provider finished, by its own clock where it tells, else when we first saw it.
    remote_finished_at: float | None = None
    finished_at: float | None = None
    #: When the provider deletes the result, once that was told of because nobody could fetch it.
    result_ends_at: float | None = None
    collected_at: float | None = None
    rows_returned: int = 0
    verdicts_object: str | None = None
    verdicts_digest: str | None = None
    #: Downloads of its result that were asked for besides the first one.
    again: int = 0
    #: Where one of two downloads that brought different verdicts is kept (`None`: it is lost), and its digest; the
    #: other one is the part's.
    other_object: str | None = None
    other_digest: str | None = None
    segments: tuple[SegmentFile, ...] = ()
    #: What its verdicts answer, see `worker.core.reuse.reuse_key`; empty before it was submitted or taken over,
    #: and where that was changed before they were decided.
    reuse_key: str = ""
    #: The part that the provider verified, where this one was not sent because that one has its verdicts.
    reused_from: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, fields: object) -> object:
        return {"values_object": ""} | fields if isinstance(fields, dict) else fields

    @property
    def verified_at(self) -> float | None:
        """When the provider verified the values, however often the verdicts were taken over since; `None` before.

        A provider's clock may be ahead: no verdict is newer than its collection.
        """
        if self.collected_at is None:
            return None
        return min(self.remote_finished_at or self.collected_at, self.collected_at)

    @property
    def reusable(self) -> bool:
        """Whether its verdicts are certainly those on its values, so that another part may take them over."""
        clean = self.state is PartState.COLLECTED and not self.reason and not self.provisional
        return clean and bool(self.reuse_key) and self.verdicts_object is not None

    @property
    def undecided(self) -> bool:
        """Whether a person may decide: it is in quarantine, or its job is searched for and nobody is sending it."""
        return self.state is PartState.QUARANTINED or (self.state is PartState.INTENT and self.lease is None)

    @property
    def possible_jobs(self) -> tuple[str, ...]:
        """Remote ids that were named for the part and are not known to be of other jobs, the last one last."""
        return tuple(found.remote_id for found in self.evidence if found.remote_id not in self.excluded)

    @property
    def remote_scope(self) -> str:
        """Where the part's remote id is unique: one account at one service."""
        return f"{self.account}@{self.service}" if self.service else self.account

    @property
    def part_id(self) -> str:
        """The part's name in messages, logs and indexes: `<upload_id>/<index>`."""
        return f"{self.upload_id}/{self.index}"

    @property
    def terminal(self) -> bool:
        """Whether the part has reached its end."""
        return self.state in PART_TERMINAL

    def may_follow(self, present: str) -> frozenset[str]:
        """The states that may follow the present one: more where its job may turn out to be another's."""
        more = PROVISIONAL_MOVES.get(PartState(present), frozenset()) if self.provisional else frozenset()
        return self.moves[present] | frozenset(map(str, more))

    @classmethod
    def state_of(cls, word: str) -> PartState:
        """The part state that a word names."""
        return PartState(word)


class AccountRecord(Record):
    """What the workers share about one account."""

    record_kind = "account"

    account: str
    provider: str
    #: What keeps every call back, and what keeps back only those that spend.
    calls_pause: Pause = Pause()
    #: The right of one process to walk the list for open attempts, which serves all of them.
    walk: Lease | None = None
    spending_pause: Pause = Pause()
    #: Whether an answer has shown our token in a remote name.
    echo_proven: bool = False
    credits_balance: int | None = None
    credits_at: float | None = None
