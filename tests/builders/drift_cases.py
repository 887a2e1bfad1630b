"""Drift: for each class what is of it, and what is nearly of it, as snapshots of one account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.core_records import POLICY, attempted, sent
from tests.builders.records import NOW, a_part, an_attempt
from worker.core.columns import NEWS_SECONDS, KnownColumns
from worker.core.drift.classes import DriftClass
from worker.core.drift.views import (
    ListedJob,
    Money,
    Occasion,
    PartCase,
    Reading,
    Snapshot,
    StoredObject,
    SweepWorth,
)
from worker.core.observe import MISSING_LOOKS_MAX
from worker.core.states import PartState
from worker.core.values import Evidence, Lease

if TYPE_CHECKING:
    from worker.core.records import PartRecord

#: When a built sweep began: two days after the built records were made, so that everything has settled.
SWEPT = NOW + 2 * 86_400.0
TOKEN = "bv-abcdefghijklmnop"
#: Seconds for which a built provider keeps results.
RETENTION_SECONDS = 7 * 86_400.0

C, P = DriftClass, PartState


def an_occasion(**fields: object) -> Occasion:
    """A complete sweep that showed job 1 of ours, ten seconds ago."""
    known: dict[str, object] = {
        "account": "ipqs-main",
        "now": SWEPT + 10.0,
        "sweep": SweepWorth(SWEPT, complete=True, controls={"email": "1"}),
        "policy": POLICY,
    }
    return Occasion(**(known | fields))  # type: ignore[arg-type]  # a builder


def listed(remote_id: str = "77", status: str = "running", **fields: object) -> ListedJob:
    """A job as the list showed it."""
    return ListedJob(remote_id, status, **fields)  # type: ignore[arg-type]  # a builder


def of_part(part: PartRecord, *, occasion: Occasion | None = None, **seen: object) -> Snapshot:
    """A snapshot with one part, and what concerns it."""
    shared = occasion or an_occasion()
    return Snapshot(shared, (PartCase(shared, part, **seen),))  # type: ignore[arg-type]  # a builder


def of_jobs(*jobs: ListedJob) -> Snapshot:
    """A snapshot with jobs that nobody has."""
    return Snapshot(an_occasion(), unowned=jobs)


def of_object(**fields: object) -> Snapshot:
    """A snapshot with one object of storage, which is there as it was written."""
    known: dict[str, object] = {"subject": "list-1/0", "name": "verdicts", "found": True}
    kept = StoredObject(**(known | {"sha256": "a", "recorded_sha256": "a"} | fields))  # type: ignore[arg-type]  # a builder
    return Snapshot(an_occasion(), stored=(kept,))


def of_columns(**fields: object) -> Snapshot:
    """A snapshot with what is known of the columns of results on email addresses."""
    return Snapshot(an_occasion(), columns={"email": KnownColumns.model_validate(fields)})


def of_money(taken: int = 1_000, spent: int = 1_000, *, used: int | None = None, **fields: int | None) -> Snapshot:
    """A snapshot with two readings: `taken` from the balance, `spent` by the ledger, `used` where that is told."""
    before = Reading(50_000, None if used is None else 300, 2_000)
    after = Reading(50_000 - taken, None if used is None else 300 + used, 2_000 + spent)
    known: dict[str, int | None] = {"under_way": 0, "foreign_rows": 0, "reserved": 0, "reserved_by_parts": 0}
    money = Money(before, after, **(known | fields))  # type: ignore[arg-type]  # a builder
    return Snapshot(an_occasion(), money=money)


def ended(state: PartState, **fields: object) -> PartRecord:
    """A part at its end, paid for by job 77."""
    known: dict[str, object] = {"state": state, "remote_id": "77", "credits_committed": 100, "rows_returned": 100}
    return a_part(**(known | {"evidence": (named("77"),)} | fields))  # type: ignore[arg-type]  # a builder


def named(remote_id: str, how: str = "answer") -> Evidence:
    """A remote id that was learned when the built records were made."""
    return Evidence(remote_id=remote_id, how=how, at=NOW)


def done(**fields: object) -> PartRecord:
    """A part whose job was done an hour after it was submitted, and whose download nobody has begun."""
    known: dict[str, object] = {"finished_at": NOW + 3_600.0, "credits_committed": 100, "submitted_at": NOW}
    known |= {"state": P.FINISHED, "remote_id": "77", "evidence": (named("77"),)}
    return a_part(**(known | fields))  # type: ignore[arg-type]  # a builder


def stopped(reason: DriftClass, **fields: object) -> PartRecord:
    """A part in quarantine that has job 77."""
    known: dict[str, object] = {"state": P.QUARANTINED, "remote_id": "77", "submitted_at": NOW, "reason": str(reason)}
    return a_part(**(known | fields))  # type: ignore[arg-type]  # a builder


#: Somebody is at it.
BUSY = Lease(owner="host:1", until=SWEPT + 60.0)
#: A part that looks at its job as it should.
WAITING = sent(
    due_at=SWEPT + 300.0, observed_at=SWEPT - 60.0, progressed_at=SWEPT - 60.0, progress=0.5, looks=MISSING_LOOKS_MAX
)
#: One whose record knows of a second job.
TWICE = WAITING.model_copy(update={"evidence": (named("77"), named("78", "list"))})
UNSEEN = WAITING.model_copy(update={"observed_at": None})
#: A part whose job was done just now.
JUST_DONE = done(finished_at=SWEPT - 60.0, observed_at=SWEPT - 60.0)
INCOMPLETE = an_occasion(sweep=SweepWorth(SWEPT, complete=False, controls={"email": "1"}))
NO_CONTROL = an_occasion(sweep=SweepWorth(SWEPT, complete=True, controls={"url": "1"}))
EARLY = an_occasion(sweep=SweepWorth(NOW + 599.0, complete=True, controls={"email": "1"}), now=NOW + 700.0)
KEPT_SHORTLY = an_occasion(retention_seconds=86_400.0)
KEPT = an_occasion(retention_seconds=RETENTION_SECONDS)
COLLECTED = ended(P.COLLECTED)

#: What is of a class, and of no other.
FOUND: dict[DriftClass, tuple[Snapshot, ...]] = {
    C.UNRESOLVED_ATTEMPT: (
        of_part(attempted().model_copy(update={"lease": None})),
        of_part(attempted(), named=(listed(token=TOKEN),)),
        of_part(a_part(state=P.QUARANTINED, attempt=an_attempt(), reason="no_control")),
    ),
    C.ORPHAN_REMOTE: (of_jobs(listed(token=TOKEN, kind="email", rows=100)),),
    C.FOREIGN_REMOTE: (of_jobs(listed("3"), listed("12"), listed("5")),),
    C.MISSING_REMOTE: (
        of_part(UNSEEN),
        of_part(WAITING.model_copy(update={"observed_at": SWEPT - 7_200.0})),
        of_part(stopped(C.MISSING_REMOTE)),
    ),
    C.DUPLICATE_REMOTE: (
        of_part(WAITING, job=listed(), named=(listed("78", token=TOKEN),)),
        of_part(COLLECTED, job=listed(status="finished"), named=(listed("79"), listed("78", "finished"))),
        of_part(TWICE, occasion=an_occasion(judged_before=NOW - 60.0), job=listed(), named=(listed("78"),)),
    ),
    C.IDENTITY_COLLISION: (
        of_part(WAITING, job=listed(), rivals=("list-2/0",)),
        of_part(COLLECTED, rivals=("list-2/0",)),
        of_part(stopped(C.IDENTITY_COLLISION, attempt=an_attempt(), remote_id=None)),
    ),
    C.SIZE_MISMATCH: (of_part(WAITING, job=listed(rows=99)), of_part(JUST_DONE, job=listed(status="finished", rows=5))),
    C.STALE_LOCAL: (
        of_part(WAITING, job=listed(status="finished", ended_at=SWEPT - 1_300.0)),
        of_part(WAITING.model_copy(update={"due_at": SWEPT - 901.0}), job=listed(status="finished")),
        of_part(stopped(C.MISSING_REMOTE), job=listed()),
        of_part(stopped(C.STATUS_REGRESSION), job=listed(status="finished")),
    ),
    C.STATUS_REGRESSION: (
        of_part(done(finished_at=SWEPT - 1_000.0), job=listed(word="PROCESSING")),
        of_part(done(finished_at=SWEPT - 1_000.0), job=listed(status="aborted")),
        of_part(stopped(C.STATUS_REGRESSION), job=listed()),
    ),
    C.UNKNOWN_STATUS: (
        of_part(WAITING, job=listed(status="unknown", word="SIMMERING")),
        of_part(WAITING.model_copy(update={"reason": "unknown_status"}), occasion=INCOMPLETE),
    ),
    C.REMOTE_ABORTED: (
        of_part(WAITING, job=listed(status="aborted")),
        of_part(stopped(C.MISSING_REMOTE), job=listed(status="aborted")),
        of_part(
            WAITING.model_copy(update={"provisional": True, "attempt": an_attempt()}), job=listed(status="aborted")
        ),
    ),
    C.STALLED_REMOTE: (
        of_part(WAITING.model_copy(update={"progressed_at": NOW}), job=listed(progress=0.5)),
        of_part(WAITING.model_copy(update={"progressed_at": NOW}), job=listed(), expected_seconds=30_000.0),
    ),
    C.TERMINAL_DISAGREEMENT: (
        of_part(ended(P.FAILED, reason="remote_aborted"), job=listed(status="finished")),
        of_part(
            ended(P.CANCELLED, remote_id=None, credits_committed=0, evidence=()),
            named=(listed(status="finished", token=TOKEN),),
        ),
    ),
    C.HOLLOW_SUCCESS: (
        of_part(ended(P.COLLECTED, rows_returned=0, reason="row_mismatch")),
        of_part(ended(P.COLLECTED, rows_returned=0)),
    ),
    C.UNCOLLECTED_RESULT: (
        of_part(done(tries=4, due_at=SWEPT + 300.0), job=listed(status="finished"), occasion=KEPT),
        of_part(done(finished_at=SWEPT - 86_500.0, tries=3), occasion=KEPT_SHORTLY, job=listed(status="finished")),
    ),
    C.ROW_MISMATCH: (of_part(ended(P.COLLECTED, rows_returned=99, reason="row_mismatch")),),
    C.RESULT_CHANGED: (
        of_part(ended(P.COLLECTED, verdicts_digest="a", other_digest="b", other_object="verdicts-again-1.jsonl")),
        of_part(ended(P.COLLECTED, verdicts_digest="a", other_digest="b")),
    ),
    C.RESULT_EXPIRED: (of_part(done(tries=3), occasion=KEPT_SHORTLY), of_part(stopped(C.RESULT_EXPIRED), job=listed())),
    C.SCHEMA_DRIFT: (of_columns(known=("a",), other=("a", "b"), since=SWEPT - 60.0),),
    C.MISSING_ARTIFACT: (of_object(found=False), of_object(sha256="b")),
    C.LEDGER_DRIFT: (
        of_money(taken=1_101),
        of_money(taken=100_000, spent=98_999),
        of_money(taken=0, spent=1_000, used=899),
        of_money(used=1_101, taken=-5_000),
        of_money(reserved=100),
    ),
    C.RESERVATION_LEAK: (
        of_part(ended(P.COLLECTED, credits_reserved=100)),
        of_part(ended(P.FAILED, credits_reserved=1)),
    ),
}

#: What is nearly of a class, and of none.
NEAR: dict[DriftClass, tuple[Snapshot, ...]] = {
    C.UNRESOLVED_ATTEMPT: (
        of_part(attempted(now=SWEPT).model_copy(update={"lease": None})),
        of_part(attempted().model_copy(update={"lease": BUSY})),
        of_part(ended(P.FAILED, attempt=an_attempt(), reason="given_up")),
    ),
    C.ORPHAN_REMOTE: (of_jobs(),),
    C.FOREIGN_REMOTE: (of_jobs(listed(maybe_ours=True)),),
    C.MISSING_REMOTE: (
        of_part(UNSEEN, job=listed(progress=0.6)),
        of_part(UNSEEN, occasion=INCOMPLETE),
        of_part(UNSEEN, occasion=NO_CONTROL),
        of_part(sent(due_at=NOW + 900.0), occasion=EARLY),
        of_part(WAITING),
        of_part(a_part(), named=()),
    ),
    C.DUPLICATE_REMOTE: (
        of_part(TWICE, job=listed(), named=(listed("78"),)),
        of_part(TWICE, occasion=an_occasion(judged_before=NOW), job=listed(), named=(listed("78"),)),
        of_part(a_part(), named=(listed(token=TOKEN),)),
        of_part(
            WAITING.model_copy(update={"provisional": True, "attempt": an_attempt()}),
            job=listed(),
            named=(listed("78", token=TOKEN),),
        ),
    ),
    C.IDENTITY_COLLISION: (of_part(WAITING, job=listed()), of_part(ended(P.FAILED), rivals=("list-2/0",))),
    C.SIZE_MISMATCH: (
        of_part(WAITING, job=listed(rows=100)),
        of_part(WAITING, job=listed(rows=0)),
        of_part(WAITING, job=listed(status="queued", rows=1)),
        of_part(ended(P.COLLECTED), job=listed(status="finished", rows=99)),
    ),
    C.STALE_LOCAL: (
        of_part(WAITING, job=listed(status="finished", ended_at=SWEPT - 1_000.0)),
        of_part(WAITING, job=listed(status="finished", ended_at=SWEPT + 200.0)),
        of_part(WAITING, job=listed(status="finished")),
        of_part(WAITING.model_copy(update={"lease": BUSY, "due_at": NOW}), job=listed(status="finished")),
    ),
    C.STATUS_REGRESSION: (
        of_part(JUST_DONE, job=listed()),
        of_part(JUST_DONE, job=listed(status="finished")),
        of_part(done(lease=BUSY, finished_at=SWEPT - 1_000.0), job=listed()),
        of_part(ended(P.COLLECTED), job=listed()),
    ),
    C.UNKNOWN_STATUS: (of_part(WAITING.model_copy(update={"reason": "unknown_status"}), job=listed()),),
    C.REMOTE_ABORTED: (
        of_part(ended(P.FAILED, reason="remote_aborted"), job=listed(status="aborted")),
        of_part(WAITING.model_copy(update={"lease": BUSY}), job=listed(status="aborted")),
    ),
    C.STALLED_REMOTE: (
        of_part(WAITING.model_copy(update={"progressed_at": NOW}), job=listed(progress=0.51)),
        of_part(WAITING.model_copy(update={"progressed_at": SWEPT - 21_000.0}), job=listed()),
        of_part(WAITING.model_copy(update={"progressed_at": NOW}), job=listed(), expected_seconds=35_000.0),
    ),
    C.TERMINAL_DISAGREEMENT: (
        of_part(ended(P.FAILED), job=listed()),
        of_part(ended(P.CANCELLED, reason="not_collected"), job=listed(status="finished")),
        of_part(ended(P.COLLECTED), job=listed(status="finished")),
    ),
    C.HOLLOW_SUCCESS: (
        of_part(ended(P.COLLECTED, rows_returned=1)),
        of_part(ended(P.COLLECTED, rows_returned=0, reused_from="list-0/0")),
    ),
    C.UNCOLLECTED_RESULT: (
        of_part(JUST_DONE, job=listed(status="finished")),
        of_part(done(lease=BUSY), job=listed(status="finished")),
        of_part(done(finished_at=SWEPT - 3_800.0), job=listed(status="finished")),
    ),
    C.ROW_MISMATCH: (of_part(ended(P.COLLECTED, rows_returned=99)),),
    C.RESULT_CHANGED: (
        of_part(ended(P.COLLECTED, verdicts_digest="a", other_digest="a")),
        of_part(ended(P.COLLECTED, verdicts_digest="a", again=1)),
    ),
    C.RESULT_EXPIRED: (
        of_part(done(finished_at=SWEPT - 86_500.0, lease=BUSY), occasion=KEPT_SHORTLY, job=listed(status="finished")),
        of_part(JUST_DONE, occasion=KEPT_SHORTLY, job=listed(status="finished")),
    ),
    C.SCHEMA_DRIFT: (
        of_columns(known=("a",)),
        of_columns(known=("a",), other=("b",), since=SWEPT - NEWS_SECONDS),
    ),
    C.MISSING_ARTIFACT: (of_object(), of_object(sha256=None), of_object(recorded_sha256=None)),
    C.LEDGER_DRIFT: (
        of_money(taken=1_100),
        of_money(taken=100_000, spent=99_000),
        of_money(taken=2_000, under_way=900),
        of_money(taken=2_000, foreign_rows=900),
        of_money(taken=2_000, foreign_rows=None),
        of_money(taken=-40_000, spent=1_000),
        of_money(used=-200, taken=0),
        of_money(taken=0, spent=5_000),
        of_money(reserved=100, reserved_by_parts=100),
    ),
    C.RESERVATION_LEAK: (
        of_part(ended(P.COLLECTED)),
        of_part(a_part(state=P.HELD, credits_reserved=100)),
        of_part(ended(P.FAILED, credits_reserved=1, lease=BUSY)),
    ),
}
