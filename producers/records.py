"""What an application may read of an upload: its status, its events, its rejections.

Frozen values. Reading is tolerant: unknown fields are left out; a state or event word of a later version is kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from producers.contract import PURGED_PREFIX, TERMINAL_STATES, UploadState, manifest_name
from producers.errors import RecordUnreadable, Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Part counts of parts that will go on by themselves.
_MOVING_PARTS = ("pending", "intent", "submitted", "finished", "held")


class Readable(BaseModel):
    """A value that the workers wrote and an application reads."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class RowCounts(Readable):
    """Where every row of the input went: `rows` is the sum of the others."""

    rows: int = 0
    matched: int = 0
    folded: int = 0
    empty: int = 0
    withheld: int = 0
    missing: int = 0


class VerdictCounts(Readable):
    """Rows by verdict."""

    ok: int = 0
    bad: int = 0
    risky: int = 0
    unknown: int = 0


class SegmentFile(Readable):
    """A part of the result that the provider also gave as a file of its own, for one part of the upload."""

    segment: str
    part: int
    #: Where the file is; None when no row belongs to the segment: then there is no file.
    url: str | None = None
    size_bytes: int = 0
    #: Hexadecimal digest of the file.
    sha256: str | None = None

    @property
    def empty(self) -> bool:
        """Whether no row belongs to it."""
        return self.url is None


class ResultSummary(Readable):
    """Where the result is (two URLs) and what it holds."""

    manifest: str
    object: str
    counts: RowCounts = RowCounts()
    verdicts: VerdictCounts = VerdictCounts()
    #: Whether rows are missing from it.
    partial: bool = False
    #: Credits spent at the provider.
    credits: int = 0
    #: Rows that were paid for and whose verdicts were not fetched, because a cancellation gave them up.
    not_collected_rows: int = 0
    #: Values whose verdicts were taken over from earlier uploads, unpaid, because the request had `reuse`.
    reused_values: int = 0
    #: Bytes of the result.
    size_bytes: int = 0
    segments: tuple[SegmentFile, ...] = ()
    #: Whether the result is in Redis too; until when, epoch seconds; or why it is not though that was asked for.
    rows_in_redis: bool = False
    rows_until: float | None = None
    rows_reason: str = ""


class PartCounts(Readable):
    """Parts of an upload by state, and the values that the provider has done."""

    pending: int = 0
    intent: int = 0
    submitted: int = 0
    finished: int = 0
    collected: int = 0
    failed: int = 0
    quarantined: int = 0
    cancelled: int = 0
    held: int = 0
    rows_done: int = 0

    @property
    def moving(self) -> int:
        """Parts that will go on by themselves."""
        return sum(getattr(self, state) for state in _MOVING_PARTS)

    @property
    def sent(self) -> int:
        """Parts that the provider has accepted, or that need not be sent."""
        return self.submitted + self.finished + self.collected


class Trace(Readable):
    """What the producer gave to tie the upload to what it does."""

    correlation_id: str = ""
    traceparent: str = ""
    tracestate: str = ""


class Status(Readable):
    """How far an upload has come. Times are epoch seconds by the server's clock."""

    schema_version: int = 1
    upload_id: str
    account: str = ""
    provider: str = ""
    kind: str = ""
    label: str = ""
    producer: str = ""
    trace: Trace = Trace()
    #: One of `UploadState`, or one of its ends after `purged/`, or a word of a later version.
    state: str
    reason: str = ""
    message: str = ""
    created_at: float | None = None
    updated_at: float | None = None
    finished_at: float | None = None
    rows: int = 0
    empty: int = 0
    folded: int = 0
    distinct: int = 0
    parts_total: int = 0
    #: Rows whose values are not sent, because they cannot be sent, or because `screen` was asked for.
    withheld: int = 0
    #: Rows read so far while the upload is being prepared.
    staged_rows: int = 0
    #: What the result is written as: `csv` or `jsonl`; and whether cells that look like formulas are changed in it.
    result_format: str = "csv"
    spreadsheet_safe: bool = False
    result: ResultSummary | None = None
    parts: PartCounts = PartCounts()

    @property
    def terminal(self) -> bool:
        """Whether the upload has reached its end."""
        return self.outcome in TERMINAL_STATES

    @property
    def purged(self) -> bool:
        """Whether its record is gone, and only how it ended is still known; its result stays in storage."""
        return self.state.startswith(PURGED_PREFIX)

    @property
    def outcome(self) -> str:
        """The state, also of a purged upload: that in which it ended."""
        return self.state.removeprefix(PURGED_PREFIX)

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself: the end is reached, or only a person can move what is left."""
        return self.terminal or (self.state == UploadState.ATTENTION and self.parts.moving == 0)


class Event(Readable):
    """Something that happened to an upload. `details` depends on the event; see docs/contract.md."""

    #: Position in the stream; events read later have higher ones.
    id: str
    #: One of `EventWord`, or a word of a later version.
    event: str
    #: Empty for a rejected request that named none.
    upload_id: str = ""
    at: float = 0.0
    details: dict[str, Any] = {}


class Rejection(Readable):
    """A request that intake did not accept."""

    #: The request's entry in the stream of uploads.
    entry: str = ""
    upload_id: str = ""
    reason: str = "rejected"
    message: str = ""
    remedy: str = ""

    def as_error(self) -> Rejected:
        """The same as an exception."""
        return Rejected(
            upload_id=self.upload_id, entry=self.entry, reason=self.reason, message=self.message, remedy=self.remedy
        )


def status_from(upload_id: str, record: str, parts: Mapping[str, str]) -> Status:
    """The status in an upload's record and its part counts. Raises `RecordUnreadable`."""
    try:
        fields = json.loads(record)
        if str(fields.get("state", "")).startswith(PURGED_PREFIX):
            return _purged(upload_id, fields)
        return Status.model_validate({**fields, "parts": dict(parts)})
    except (ValidationError, ValueError, TypeError, AttributeError, RecursionError):
        raise RecordUnreadable(f"The record of upload {upload_id} cannot be understood.") from None


def _purged(upload_id: str, tombstone: Mapping[str, Any]) -> Status:
    """The status of a purged upload, from what is left of it."""
    has_result = "Its manifest" if str(tombstone["state"]).endswith(UploadState.COMPLETED) else "Its manifest, if any,"
    return Status(
        upload_id=upload_id,
        state=tombstone["state"],
        message=f"Its record was purged. {has_result} stays in the workers' storage: {manifest_name(upload_id)}.",
        finished_at=tombstone.get("at"),
    )


def event_from(event_id: str, fields: Mapping[str, str]) -> Event:
    """The event in an entry of the stream of events; an entry that makes no sense becomes the event `unreadable`.

    So one foreign entry in a stream that everybody reads stops nobody.
    """
    try:
        details = json.loads(fields.get("details") or "{}")
        return Event.model_validate({**fields, "id": event_id, "details": details})
    except (ValidationError, ValueError, RecursionError):
        return Event(id=event_id, event="unreadable")


def rejection_from(fields: Mapping[str, str]) -> Rejection:
    """The rejection in an entry of the stream of rejected requests; every field is text and may be missing."""
    return Rejection.model_validate(dict(fields))
