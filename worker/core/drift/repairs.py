"""Repairs: the change that ends a finding, where there is one that is safe.

Each is made of decisions that the core has anyway, is written by compare-and-set like them, and asks its predicate once
more: for what is mended already there is no change. None of them spends, and none moves a part to where the next step
would: whether something is submitted again is decided by the search for its job, or by a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core.drift.classes import DriftClass
from worker.core.drift.existence import unknown_jobs, unseen_seconds
from worker.core.drift.predicates import OF_PARTS
from worker.core.drift.salvaging import SALVAGES, upload_of
from worker.core.drift.statuses import done_job
from worker.core.observe import MISSING_LOOKS_MAX, not_shown_message, observed
from worker.core.retry import part_again
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from worker.core.change import Change, Entry
    from worker.core.drift.evaluate import Evaluation
    from worker.core.drift.findings import Finding
    from worker.core.drift.views import ListedJob, PartCase, Snapshot

#: Most repairs of one account in one sweep: what is more waits for the next one.
REPAIRS_MAX = 100
#: Downloads of a result past its retention that must have failed before a person is asked.
EXPIRED_TRIES_MIN = 3


@dataclass(frozen=True, slots=True)
class Repair:
    """A finding, and the change that ends it."""

    finding: Finding
    change: Change


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sweep repairs."""

    repairs: tuple[Repair, ...] = ()
    #: Findings whose repair waits for the next sweep.
    left: int = 0
    #: Why nothing is repaired, empty where that is not so.
    outcome: str = ""


def plan(found: Iterable[Finding], evaluation: Evaluation) -> Plan:
    """The repairs of believed findings, the most severe first; each record is changed by one of them."""
    if evaluation.breaker.tripped:
        return Plan(outcome=evaluation.breaker.outcome)
    cases = {case.part.part_id: case for case in evaluation.snapshot.parts}
    ordered = sorted(found, key=lambda finding: (-finding.severity, finding.first_seen_at, finding.subject))
    repairs: list[Repair] = []
    written: set[str] = set()
    left = 0
    for finding in ordered:
        case = cases.get(finding.subject)
        change = salvage(finding, evaluation.snapshot) or (None if case is None else repair(finding, case))
        if change is None:
            continue
        records = {*(upload.upload_id for upload in change.uploads), *(part.part_id for part in change.parts)}
        if written.isdisjoint(records) and len(repairs) < REPAIRS_MAX:
            repairs.append(Repair(finding, change))
            written |= records
        else:
            # One salvage serves all findings about its upload.
            left += not (change.uploads and change.upload_id in written)
    return Plan(tuple(repairs), left)


def salvage(finding: Finding, snapshot: Snapshot) -> Change | None:
    """The change that takes an upload up again to end a finding of this sweep, or `None`: none is safe, or needed."""
    mend, case = SALVAGES.get(finding.drift), snapshot.uploads.get(upload_of(finding))
    if mend is None or case is None or not finding.believed or finding.swept_at < snapshot.occasion.sweep.began_at:
        return None
    return mend(finding, case)


def repair(finding: Finding, case: PartCase) -> Change | None:
    """The change that ends a finding about a part, or `None`: there is none, or none yet, or none any more."""
    predicate, mend = OF_PARTS.get(finding.drift), REPAIRS[finding.drift]
    if predicate is None or mend is None or not finding.believed or predicate(case) is None:
        return None
    return mend(case)


def _adopt(case: PartCase) -> Change | None:
    """The job that carries the part's token is the part's; without one, the search for it decides."""
    now = case.occasion.now
    job = min(case.named, key=lambda job: job.order, default=None)
    return None if job is None else parts.learn(case.part, job.remote_id, "list", now, look_at=now)


def _record_duplicates(case: PartCase) -> Change | None:
    """Every job that is one too many becomes evidence, and its credits are wasted, in one write."""
    more = unknown_jobs(case)
    change: Change | None = None
    for job in more:
        part = case.part if change is None else change.parts[0]
        learned = parts.learn(part, job.remote_id, "list", case.occasion.now, look_at=case.occasion.now)
        change = learned if change is None or learned is None else _both(change, learned, more)
    return change


def _both(first: Change, then: Change, more: tuple[ListedJob, ...]) -> Change:
    """The second change of the same kind, with what the first one counted."""
    ledger: dict[Entry, int] = {
        entry: first.ledger.get(entry, 0) + then.ledger.get(entry, 0) for entry in {*first.ledger, *then.ledger}
    }
    counters = {name: first.counters.get(name, 0) + times for name, times in then.counters.items()}
    details = {"remote_id": more[-1].remote_id, "how": "list", "jobs": len(more)}
    return replace(then, ledger=ledger, counters=counters, details=details)


def _stop_missing(case: PartCase) -> Change | None:
    """Agrees with `worker.core.observe.not_seen`: as long unseen, and asked for by its id as often."""
    part, now = case.part, case.occasion.now
    if part.state is not PartState.SUBMITTED or part.provisional or part.looks < MISSING_LOOKS_MAX:
        return None
    if unseen_seconds(case) < case.occasion.policy.missing_seconds:
        return None
    return parts.quarantine(part, now, str(DriftClass.MISSING_REMOTE), not_shown_message(part, unseen_seconds(case)))


def _stop_colliding(case: PartCase) -> Change | None:
    if case.part.state not in {PartState.SUBMITTED, PartState.FINISHED} or case.busy:
        return None
    message = f"Remote job {case.part.remote_id} is also that of part {case.rivals[0]}."
    return parts.quarantine(case.part, case.occasion.now, str(DriftClass.IDENTITY_COLLISION), message)


def _look(case: PartCase) -> Change | None:
    """What the list shows of the job, as a look of the part's own."""
    if case.job is None:
        return None
    return observed(case.part, case.job.seen, case.occasion.now, case.occasion.policy)


def _stop_regressed(case: PartCase) -> Change | None:
    if case.part.state is not PartState.FINISHED or case.job is None:
        return None
    message = f"The provider had finished job {case.part.remote_id}, and shows it as {case.job.status} now."
    return parts.quarantine(case.part, case.occasion.now, str(DriftClass.STATUS_REGRESSION), message)


def _charge(case: PartCase) -> Change | None:
    """The charge of a part that had ended unpaid is entered; its end stays."""
    job, now = done_job(case), case.occasion.now
    if job is None or case.part.credits_committed:
        return None
    return parts.learn(case.part, job.remote_id, "list", now, look_at=now)


def _collect_now(case: PartCase) -> Change | None:
    return part_again(case.part, case.occasion.now)


def _stop_expired(case: PartCase) -> Change | None:
    part = case.part
    if part.state is not PartState.FINISHED or part.tries < EXPIRED_TRIES_MIN:
        return None
    message = f"The result of job {part.remote_id} was not fetched before the provider's time for it was over."
    return parts.quarantine(part, case.occasion.now, str(DriftClass.RESULT_EXPIRED), message)


def _release(case: PartCase) -> Change | None:
    part = case.part
    free = part.model_copy(update={"credits_reserved": 0, "updated_at": case.occasion.now})
    details = {"credits": part.credits_reserved}
    return parts.change("release", free, reason=part.reason, ledger=parts.released(part), details=details)


_C = DriftClass

#: How each class is repaired by a part's record; `None`: it is only told, or ended otherwise, as by `SALVAGES`.
REPAIRS: Mapping[DriftClass, Callable[[PartCase], Change | None] | None] = {
    _C.UNRESOLVED_ATTEMPT: _adopt,
    # Imported from storage by whoever has it.
    _C.ORPHAN_REMOTE: None,
    _C.FOREIGN_REMOTE: None,
    _C.MISSING_REMOTE: _stop_missing,
    _C.DUPLICATE_REMOTE: _record_duplicates,
    _C.IDENTITY_COLLISION: _stop_colliding,
    _C.SIZE_MISMATCH: None,
    _C.STALE_LOCAL: _look,
    _C.STATUS_REGRESSION: _stop_regressed,
    _C.UNKNOWN_STATUS: None,
    _C.REMOTE_ABORTED: _look,
    _C.STALLED_REMOTE: None,
    _C.TERMINAL_DISAGREEMENT: _charge,
    _C.HOLLOW_SUCCESS: None,
    _C.UNCOLLECTED_RESULT: _collect_now,
    _C.ROW_MISMATCH: None,
    _C.RESULT_CHANGED: None,
    _C.RESULT_EXPIRED: _stop_expired,
    _C.SCHEMA_DRIFT: None,
    _C.MISSING_ARTIFACT: None,
    _C.LEDGER_DRIFT: None,
    _C.RESERVATION_LEAK: _release,
}
