"""The classes of drift: the one word for each, which is also its metric label, its reason and its place in the docs."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class DriftClass(StrEnum):
    """What differs between here and there."""

    # Whether there is a job, and whose it is
    UNRESOLVED_ATTEMPT = "unresolved_attempt"
    ORPHAN_REMOTE = "orphan_remote"
    FOREIGN_REMOTE = "foreign_remote"
    MISSING_REMOTE = "missing_remote"
    DUPLICATE_REMOTE = "duplicate_remote"
    IDENTITY_COLLISION = "identity_collision"
    SIZE_MISMATCH = "size_mismatch"
    # Where a job stands
    STALE_LOCAL = "stale_local"
    STATUS_REGRESSION = "status_regression"
    UNKNOWN_STATUS = "unknown_status"
    REMOTE_ABORTED = "remote_aborted"
    STALLED_REMOTE = "stalled_remote"
    TERMINAL_DISAGREEMENT = "terminal_disagreement"
    HOLLOW_SUCCESS = "hollow_success"
    # What a job brought
    UNCOLLECTED_RESULT = "uncollected_result"
    ROW_MISMATCH = "row_mismatch"
    RESULT_CHANGED = "result_changed"
    RESULT_EXPIRED = "result_expired"
    SCHEMA_DRIFT = "schema_drift"
    MISSING_ARTIFACT = "missing_artifact"
    # What it cost
    LEDGER_DRIFT = "ledger_drift"
    RESERVATION_LEAK = "reservation_leak"


class Severity(IntEnum):
    """How much a class of drift is somebody's business; the highest number goes first."""

    INFO = 0
    WARN = 1
    PAGE = 2


class Handling(StrEnum):
    """What becomes of a finding."""

    #: A repair of this program ends it.
    MENDED = "mended"
    #: It passes when the provider, or another step of this program, goes on.
    WATCHED = "watched"
    #: It lasts until a person decides.
    PERSON = "person"
    #: It is a fact that nothing changes any more: it is told, and is gone with its record.
    TOLD = "told"


class Basis(StrEnum):
    """What has to have been looked at before a finding that was not found again may be closed."""

    #: The whole remote list, or the job in question.
    LIST = "list"
    #: The part's record.
    RECORD = "record"
    #: The object in storage.
    STORAGE = "storage"
    #: The account's balance.
    MONEY = "money"


#: Classes that are counted where they are first seen, by the change that deals with them: a sweep does not count them
#: again when its finding opens.
COUNTED_AT_ONCE = frozenset({DriftClass.DUPLICATE_REMOTE, DriftClass.REMOTE_ABORTED, DriftClass.ROW_MISMATCH})

#: Outcome of a sweep that shows so few of an account's live jobs that it must be another account's list, or a broken
#: one: nothing is repaired then.
ACCOUNT_MISMATCH = "account_mismatch"
