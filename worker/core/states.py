"""The states of uploads and parts, which may follow which, and the lane in which each waits for its next look."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """A line of work: the actor that looks next, and the queue its messages travel in."""

    PREPARE = "prepare"
    SUBMIT = "submit"
    POLL = "poll"
    COLLECT = "collect"
    DELIVER = "deliver"
    #: Periodic walks over an account's remote list: no item waits here, every period asks anew.
    RECONCILE = "reconcile"


class UploadState(StrEnum):
    """Where an upload stands."""

    ACCEPTED = "accepted"
    PREPARING = "preparing"
    RUNNING = "running"
    DELIVERING = "delivering"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: Has quarantined parts: they need evidence or a person; its other parts go on.
    ATTENTION = "attention"


class PartState(StrEnum):
    """Where a part stands."""

    PENDING = "pending"
    #: An attempt is recorded and its outcome is not: nothing may spend for this part.
    INTENT = "intent"
    SUBMITTED = "submitted"
    FINISHED = "finished"
    COLLECTED = "collected"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    CANCELLED = "cancelled"
    #: Waiting for its account: paused, out of credits, at its limit.
    HELD = "held"


UPLOAD_TERMINAL = frozenset({UploadState.COMPLETED, UploadState.FAILED, UploadState.CANCELLED})
PART_TERMINAL = frozenset({PartState.COLLECTED, PartState.FAILED, PartState.CANCELLED})
#: Parts for which nothing has been spent and nothing may have been.
PART_UNSPENT = frozenset({PartState.PENDING, PartState.HELD})

UPLOAD_LANES = {
    UploadState.ACCEPTED: Lane.PREPARE,
    UploadState.PREPARING: Lane.PREPARE,
    UploadState.RUNNING: Lane.DELIVER,
    UploadState.ATTENTION: Lane.DELIVER,
    UploadState.DELIVERING: Lane.DELIVER,
}
PART_LANES = {
    PartState.PENDING: Lane.SUBMIT,
    PartState.HELD: Lane.SUBMIT,
    PartState.INTENT: Lane.SUBMIT,
    PartState.SUBMITTED: Lane.POLL,
    PartState.FINISHED: Lane.COLLECT,
}

_U, _P = UploadState, PartState

UPLOAD_MOVES: dict[UploadState, frozenset[UploadState]] = {
    _U.ACCEPTED: frozenset({_U.PREPARING, _U.FAILED, _U.CANCELLED}),
    _U.PREPARING: frozenset({_U.RUNNING, _U.FAILED, _U.CANCELLED}),
    _U.RUNNING: frozenset({_U.DELIVERING, _U.ATTENTION, _U.FAILED, _U.CANCELLED}),
    _U.ATTENTION: frozenset({_U.RUNNING, _U.DELIVERING, _U.FAILED, _U.CANCELLED}),
    # Back to running: Redis was set back under the delivery, to where a part was not collected yet.
    _U.DELIVERING: frozenset({_U.RUNNING, _U.COMPLETED, _U.FAILED, _U.CANCELLED, _U.ATTENTION}),
    _U.COMPLETED: frozenset(),
    _U.FAILED: frozenset(),
    _U.CANCELLED: frozenset(),
}
PART_MOVES: dict[PartState, frozenset[PartState]] = {
    # To submitted without an intent: a remote id that an attempt record in storage remembers and the store forgot.
    # To collected without a job: another part has the verdicts.
    _P.PENDING: frozenset({_P.INTENT, _P.SUBMITTED, _P.COLLECTED, _P.HELD, _P.CANCELLED, _P.FAILED, _P.QUARANTINED}),
    _P.HELD: frozenset({_P.INTENT, _P.SUBMITTED, _P.COLLECTED, _P.PENDING, _P.CANCELLED, _P.FAILED, _P.QUARANTINED}),
    _P.INTENT: frozenset({_P.SUBMITTED, _P.PENDING, _P.HELD, _P.FAILED, _P.QUARANTINED}),
    # To cancelled where what was paid for is not wanted either: it stays paid.
    _P.SUBMITTED: frozenset({_P.FINISHED, _P.FAILED, _P.QUARANTINED, _P.CANCELLED}),
    _P.FINISHED: frozenset({_P.COLLECTED, _P.FAILED, _P.QUARANTINED, _P.CANCELLED}),
    _P.QUARANTINED: frozenset({_P.SUBMITTED, _P.FINISHED, _P.PENDING, _P.FAILED, _P.CANCELLED}),
    _P.COLLECTED: frozenset(),
    _P.FAILED: frozenset(),
    _P.CANCELLED: frozenset(),
}
#: The ways out of an end, for what was paid for and is not here; see `worker.core.salvage`. Nothing else takes them.
UPLOAD_SALVAGES: dict[UploadState, frozenset[UploadState]] = {end: frozenset({_U.RUNNING}) for end in UPLOAD_TERMINAL}
PART_SALVAGES: dict[PartState, frozenset[PartState]] = {end: frozenset({_P.FINISHED}) for end in PART_TERMINAL}
#: What may follow besides for a part whose job was adopted by its time alone: it may turn out to be another's.
PROVISIONAL_MOVES: dict[PartState, frozenset[PartState]] = {
    _P.SUBMITTED: frozenset({_P.INTENT}),
    _P.FINISHED: frozenset({_P.INTENT, _P.SUBMITTED}),
}
