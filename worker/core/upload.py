"""The upload's state machine: accepted, prepared, running, delivered."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from worker.core.change import Acknowledgement, Change, Entry, Event, Quota
from worker.core.retention import DAY_SECONDS
from worker.core.states import PART_TERMINAL, PART_UNSPENT, PartState, UploadState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.core.records import PartRecord, UploadRecord
    from worker.core.values import ResultSummary


def change(decision: str, upload: UploadRecord, **more: object) -> Change:
    """A change of one upload."""
    passed_through: Any = more
    return Change(decision, upload.upload_id, upload.account, uploads=(upload,), **passed_through)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What staging found, as the record keeps it."""

    dialect: dict[str, object]
    input_object: str
    input_bytes: int
    rows: int
    empty: int
    folded: int
    withheld: int
    distinct: int
    index_object: str = ""
    pullable: bool = False
    ragged: int | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def accept(upload: UploadRecord, entry_id: str) -> Change:
    """A request becomes an upload; its stream entry is answered in the same write."""
    event = Event("accepted", upload.upload_id, {"entry": entry_id, "duplicate": False})
    return change(
        "accept",
        upload.moved(UploadState.ACCEPTED, upload.created_at),
        events=(event,),
        acknowledge=Acknowledgement(entry_id),
        counters={("requests", upload.provider, upload.kind, "accepted"): 1},
    )


def preparing(upload: UploadRecord, owner: str, now: float, lease_seconds: float) -> Change:
    """Take the lease under which the input is staged."""
    first = upload.state is UploadState.ACCEPTED
    moved = upload.moved(UploadState.PREPARING, now, crashes=upload.crashes).leased(owner, now, lease_seconds)
    events = (Event("started", upload.upload_id),) if first else ()
    return change("preparing", moved, events=events, details={} if first else None)


def prepared(
    upload: UploadRecord,
    staged: Prepared,
    parts: Sequence[PartRecord],
    now: float,
    safety: float,
    *,
    rows_per_day_max: int | None = None,
) -> Change:
    """The input is staged and split: every part is born pending, and what it costs counts for its producer's day.

    All of it is one write, so an upload that is prepared again after a crash has not counted before.
    """
    running = upload.moved(
        UploadState.RUNNING,
        now,
        due_at=now + safety,
        dialect=staged.dialect,
        input_object=staged.input_object,
        input_bytes=staged.input_bytes,
        index_object=staged.index_object,
        rows=staged.rows,
        staged_rows=staged.rows,
        empty=staged.empty,
        folded=staged.folded,
        withheld=staged.withheld,
        distinct=staged.distinct,
        ragged=staged.ragged,
        pullable=staged.pullable,
        parts_total=len(parts),
        reason="",
        message="",
    )
    return change(
        "prepared",
        running,
        parts=tuple(parts),
        ledger={Entry.AVOIDED: staged.folded} if staged.folded else {},
        quota=Quota(upload.producer, staged.distinct, rows_per_day_max),
        details=staged.details,
        counters={
            ("rows", upload.provider, upload.kind, "sent"): staged.distinct,
            ("rows", upload.provider, upload.kind, "folded"): staged.folded,
            ("rows", upload.provider, upload.kind, "empty"): staged.empty,
            ("rows", upload.provider, upload.kind, "withheld"): staged.withheld,
        },
    )


def later(upload: UploadRecord, now: float, reason: str, message: str, due_at: float) -> Change:
    """The step could not be done now, through no fault of the input: it is tried again at `due_at`."""
    again = upload.moved(upload.state, now, due_at=due_at, reason=reason, message=message, tries=upload.tries + 1)
    new = upload.reason != reason
    return change("later", again, reason=reason, details={"message": message, "until": due_at} if new else None)


def fail(upload: UploadRecord, now: float, reason: str, message: str, retention_days: float) -> Change:
    """The upload cannot be done, and nothing was spent for it."""
    return _end(upload, UploadState.FAILED, now, reason=reason, message=message, days=retention_days)


def stop(upload: UploadRecord, now: float, reason: str, message: str) -> Change:
    """The upload cannot go on by itself, and something was paid for: it waits for a person."""
    stopped = upload.moved(UploadState.ATTENTION, now, reason=reason, message=message)
    return change(
        "stop",
        stopped.model_copy(update={"lane": None, "due_at": None}),
        reason=reason,
        details={"message": message},
        events=(Event("needs_attention", upload.upload_id, {"reason": reason, "message": message}),),
    )


def cancelled(upload: UploadRecord, now: float, retention_days: float) -> Change:
    """The upload was cancelled before anything was spent."""
    message = "Cancelled on request; nothing was spent."
    return _end(upload, UploadState.CANCELLED, now, reason="cancelled", message=message, days=retention_days)


def request_cancel(upload: UploadRecord, now: float, *, no_collect: bool = False) -> Change:
    """Someone wants no more to be spent: parts not yet submitted are dropped, paid ones are still collected.

    With `no_collect` these are given up too; that is never taken back.
    """
    no_collect = no_collect or upload.no_collect
    due_at = now if upload.lane else None
    wanted = {"cancel_requested": True, "no_collect": no_collect, "due_at": due_at, "updated_at": now}
    asked = upload.model_copy(update=wanted)
    return change("cancel_requested", asked, details={"no_collect": True} if no_collect else {})


@dataclass(frozen=True, slots=True)
class Standing:
    """How an upload stands, by the states of its parts."""

    #: States of a later version may be among them: nothing is known of those parts but that they are not at an end.
    parts: Mapping[PartState, int] | Mapping[str, int]

    @property
    def unfinished(self) -> int:
        """Parts that are neither at their end nor in quarantine."""
        return sum(n for state, n in self.parts.items() if state not in PART_TERMINAL | {PartState.QUARANTINED})

    @property
    def unspent(self) -> int:
        """Parts for which nothing has been spent."""
        return sum(n for state, n in self.parts.items() if state in PART_UNSPENT)

    @property
    def quarantined(self) -> int:
        """Parts that need evidence or a person."""
        return self.parts.get(PartState.QUARANTINED, 0)


def settle(upload: UploadRecord, standing: Standing, owner: str, now: float, *, lease: float, safety: float) -> Change:
    """Look at the whole upload: deliver when no part can bring anything more, else look again in `safety` seconds."""
    if not standing.unfinished and not standing.quarantined:
        delivering = upload.moved(UploadState.DELIVERING, now, crashes=upload.crashes)
        first = upload.state is not UploadState.DELIVERING
        return change("delivering", delivering.leased(owner, now, lease), details={} if first else None)
    state = UploadState.ATTENTION if standing.quarantined else UploadState.RUNNING
    waiting = upload.moved(state, now, due_at=now + safety)
    return change("wait_for_parts", waiting, details={} if state is not upload.state else None)


def not_done(upload: UploadRecord, now: float, due_at: float) -> Change:
    """A part is open again that was done when the delivery began, as Redis was set back: nothing is delivered yet."""
    return change("wait_for_parts", upload.moved(UploadState.RUNNING, now, due_at=due_at))


def delivered(upload: UploadRecord, result: ResultSummary, failed: int, now: float, retention_days: float) -> Change:
    """The result is published: the upload is completed, or ends with a partial result that says so."""
    counts = result.counts
    if upload.cancel_requested and result.partial:
        state, reason = UploadState.CANCELLED, "cancelled"
        message = "Cancelled on request; what was already paid for is in the result."
        if result.not_collected_rows:
            message = f"Cancelled on request; {result.not_collected_rows:,} rows were paid for and not fetched."
    elif failed:
        state, reason = UploadState.FAILED, "parts_failed"
        message = f"{failed} of {upload.parts_total} parts failed; {counts.missing} rows have no verdict."
    elif counts.missing:
        state, reason = UploadState.FAILED, "rows_missing"
        message = f"The provider returned no verdict for {counts.missing} of {counts.rows} rows."
    else:
        state, reason, message = UploadState.COMPLETED, "", ""
    return _end(upload, state, now, reason=reason, message=message, days=retention_days, result=result)


def _end(
    upload: UploadRecord,
    state: UploadState,
    now: float,
    *,
    reason: str,
    message: str,
    days: float,
    result: ResultSummary | None = None,
) -> Change:
    ended = upload.moved(
        state,
        now,
        reason=reason,
        message=message,
        finished_at=now,
        retain_until=now + days * DAY_SECONDS,
        result=result,
    )
    told: dict[str, object] = {"reason": reason, "message": message}
    counters = {("uploads", upload.provider, upload.kind, str(state)): 1}
    if result is not None:
        told = {"result": result.object, "manifest": result.manifest, "counts": asdict(result.counts)} | told
        for name in ("not_collected_rows", "extra_verdicts", "duplicate_verdicts"):
            if getattr(result, name):
                told[name] = getattr(result, name)
        if upload.reuse_hours is not None:
            told["reused_values"] = result.reused_values
        if upload.result_place == "rows":
            told["rows_in_redis"] = result.rows_in_redis
        for disposition in ("matched", "missing"):
            # Rows of an end that comes twice are counted once.
            before = 0 if upload.result is None else getattr(upload.result.counts, disposition)
            rows = max(getattr(result.counts, disposition) - before, 0)
            counters["rows", upload.provider, upload.kind, disposition] = rows
    return change(
        str(state),
        ended,
        reason=reason,
        events=(Event(str(state), upload.upload_id, told),),
        details=told,
        counters=counters,
    )
