"""The values inside records: what is known of a lease, a try, a walk, a result, a pause.

Frozen, like the records (`worker.core.records`), and with their rules for fields: unknown ones are kept, and one at its
default is not written. Times are epoch seconds by the store's clock.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from worker.core.rows import RowCounts


class Value(BaseModel):
    """A frozen value inside a record. Unknown fields are kept: dropping them would undo what a newer program wrote."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Lease(Value):
    """The right of one worker to act on a record until a time; never renewed across a spend."""

    owner: str
    until: float


class Evidence(Value):
    """A remote id that some answer named for a part, however late, and how it was learned."""

    remote_id: str
    how: str
    at: float


class Attempt(Value):
    """One try to submit a part, recorded in storage (`object`) before anything was sent."""

    number: int
    object: str
    at: float
    #: When its deadline and lease have certainly passed.
    over_at: float


class Trace(Value):
    """What ties an upload to what its producer does; empty where the producer gave nothing."""

    correlation_id: str = ""
    #: The trace that the request belongs to, and the span in it, as W3C Trace Context writes them.
    traceparent: str = ""
    tracestate: str = ""


class Absence(Value):
    """A complete walk over the unfiltered remote list, begun after the job must have appeared, that did not show it."""

    began_at: float
    jobs: int
    #: A job known to be on this account that the walk did show: the list is this account's, and has this kind.
    control: str


class SegmentFile(Value):
    """A part of a part's result that the provider also gave as a file of its own."""

    #: Its name among the provider's segments, and the index of the part.
    segment: str
    part: int
    #: Its name in storage and its address there, `None` when no row belongs to it: then there is no file.
    object: str | None = None
    url: str | None = None
    size_bytes: int = 0
    sha256: str | None = None

    @property
    def empty(self) -> bool:
        """Whether the provider had no row for it."""
        return self.object is None


class ResultSummary(Value):
    """Where an upload's result is and what it holds."""

    manifest: str
    object: str
    counts: RowCounts
    verdicts: dict[str, int]
    partial: bool
    credits: int
    #: Rows that were paid for and whose verdicts were not fetched, because a cancellation gave them up.
    not_collected_rows: int = 0
    #: Values whose verdicts were taken over from other parts, and were not paid for.
    reused_values: int = 0
    #: Verdicts on values that were not sent, and further ones on a value that had one: in no row.
    extra_verdicts: int = 0
    duplicate_verdicts: int = 0
    #: Bytes of the result.
    size_bytes: int = 0
    #: What was asked for besides the whole result, of every part that was collected.
    segments: tuple[SegmentFile, ...] = ()
    #: Whether the result is in the store too, until when, or a bounded word for why it is not though it was wanted.
    rows_in_redis: bool = False
    rows_until: float | None = None
    rows_reason: str = ""


class Pause(Value):
    """Calls that are not made for a while; when `until` has passed, one caller finds out whether that is over."""

    #: A bounded word; empty while calls are made.
    reason: str = ""
    until: float = 0.0
    #: Failed calls in a row, for the length of the next pause.
    failures: int = 0
    #: Whoever is finding out now.
    probe: Lease | None = None

    def lasts_until(self, now: float) -> float | None:
        """Until when nobody may begin a call; `None` when calls are made, and when the next caller may find out."""
        if not self.reason:
            return None
        ends = max(self.until, self.probe.until if self.probe is not None else 0.0)
        return ends if ends > now else None
