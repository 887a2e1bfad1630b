"""What a job brought: each predicate tells what of that differs from what should be here, or `None`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.columns import NEWS_SECONDS
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import ColumnsCase, PartCase, StoredCase


def hollow_success(case: PartCase) -> Evidence | None:
    """The job was done and not one verdict came."""
    part = case.part
    if part.state is not PartState.COLLECTED or part.rows_returned or not part.rows or part.reused_from is not None:
        return None
    return {"remote_id": part.remote_id, "rows": part.rows}


def row_mismatch(case: PartCase) -> Evidence | None:
    """The verdicts are not on exactly the values that were sent."""
    part = case.part
    marked = part.state is PartState.COLLECTED and part.reason == DriftClass.ROW_MISMATCH
    if not marked or hollow_success(case) is not None:
        return None
    return {"remote_id": part.remote_id, "rows": part.rows, "rows_returned": part.rows_returned}


def uncollected_result(case: PartCase) -> Evidence | None:
    """The result was not downloaded for longer than downloads take, and nobody is at it."""
    part, bounds = case.part, case.occasion.bounds
    if part.state is not PartState.FINISHED or case.busy or case.is_past_retention:
        return None
    waiting_seconds = case.occasion.now - case.done_at
    if waiting_seconds <= bounds.uncollected_seconds + bounds.clock_skew_seconds:
        return None
    return {"remote_id": part.remote_id, "waiting_seconds": waiting_seconds, "tries": part.tries, "why": part.reason}


def result_expired(case: PartCase) -> Evidence | None:
    """The result was not downloaded for as long as the provider keeps it, and nobody is at it."""
    part = case.part
    stopped = part.state is PartState.QUARANTINED and part.reason == DriftClass.RESULT_EXPIRED
    over = part.state is PartState.FINISHED and case.is_past_retention and not case.busy
    if not (stopped or over):
        return None
    return {"remote_id": part.remote_id, "done_seconds": case.occasion.now - case.done_at, "tries": part.tries}


def result_changed(case: PartCase) -> Evidence | None:
    """The result was downloaded twice and was not the same."""
    part = case.part
    if part.state is not PartState.COLLECTED or part.other_digest in {None, part.verdicts_digest}:
        return None
    kept = {"object": part.verdicts_object, "sha256": part.verdicts_digest}
    return {"remote_id": part.remote_id, **kept, "other_object": part.other_object, "other_sha256": part.other_digest}


def schema_drift(case: ColumnsCase) -> Evidence | None:
    """The provider's columns are not those of earlier results, and have not been for long. They are only counted."""
    columns, now = case.columns, case.occasion.now
    if columns.since is None or now - columns.since >= NEWS_SECONDS:
        return None
    known, other = set(columns.known), set(columns.other)
    return {"columns_new": len(other - known), "columns_gone": len(known - other), "begun_at": columns.since}


def missing_artifact(case: StoredCase) -> Evidence | None:
    """What should be in storage is not there, or is not what was written."""
    kept = case.object
    if not kept.found:
        return {"object": kept.name, "found": False}
    if kept.sha256 is None or kept.recorded_sha256 is None or kept.sha256 == kept.recorded_sha256:
        return None
    return {"object": kept.name, "found": True, "sha256": kept.sha256, "sha256_recorded": kept.recorded_sha256}
