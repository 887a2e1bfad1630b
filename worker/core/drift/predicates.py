"""The predicates: for each class of drift the one function that tells whether a case is of it.

Each is pure, takes a case of what was seen, and returns the evidence, or `None`: then the case is not of its class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.drift import existence, money, results, statuses
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import AccountCase, ColumnsCase, JobCase, ListedJob, PartCase, StoredCase
    from worker.core.records import PartRecord

_C = DriftClass


def is_settled(part: PartRecord, job: ListedJob) -> bool:
    """Whether nothing can differ about a part and its own job: of the many that are, no sweep keeps anything."""
    whole = part.state is PartState.COLLECTED and part.rows_returned > 0 and not part.reason and not part.other_digest
    return whole and not part.credits_reserved and part.remote_id == job.remote_id


#: Of a part and its jobs.
OF_PARTS: Mapping[DriftClass, Callable[[PartCase], Evidence | None]] = {
    _C.UNRESOLVED_ATTEMPT: existence.unresolved_attempt,
    _C.MISSING_REMOTE: existence.missing_remote,
    _C.DUPLICATE_REMOTE: existence.duplicate_remote,
    _C.IDENTITY_COLLISION: existence.identity_collision,
    _C.SIZE_MISMATCH: existence.size_mismatch,
    _C.STALE_LOCAL: statuses.stale_local,
    _C.STATUS_REGRESSION: statuses.status_regression,
    _C.UNKNOWN_STATUS: statuses.unknown_status,
    _C.REMOTE_ABORTED: statuses.remote_aborted,
    _C.STALLED_REMOTE: statuses.stalled_remote,
    _C.TERMINAL_DISAGREEMENT: statuses.terminal_disagreement,
    _C.HOLLOW_SUCCESS: results.hollow_success,
    _C.UNCOLLECTED_RESULT: results.uncollected_result,
    _C.ROW_MISMATCH: results.row_mismatch,
    _C.RESULT_CHANGED: results.result_changed,
    _C.RESULT_EXPIRED: results.result_expired,
    _C.RESERVATION_LEAK: money.reservation_leak,
}
#: Of a job that nobody here has.
OF_JOBS: Mapping[DriftClass, Callable[[JobCase], Evidence | None]] = {
    _C.ORPHAN_REMOTE: existence.orphan_remote,
}
#: Of an object in storage.
OF_STORAGE: Mapping[DriftClass, Callable[[StoredCase], Evidence | None]] = {
    _C.MISSING_ARTIFACT: results.missing_artifact,
}
#: Of the columns of one kind of results.
OF_COLUMNS: Mapping[DriftClass, Callable[[ColumnsCase], Evidence | None]] = {
    _C.SCHEMA_DRIFT: results.schema_drift,
}
#: Of the account as a whole.
OF_ACCOUNTS: Mapping[DriftClass, Callable[[AccountCase], Evidence | None]] = {
    _C.FOREIGN_REMOTE: existence.foreign_remote,
    _C.LEDGER_DRIFT: money.ledger_drift,
}
