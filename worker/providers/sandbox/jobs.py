"""A job at a simulated provider: a pure function of time from its acceptance to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.providers.sandbox.values import Spool


@dataclass(slots=True)
class Job:
    """One accepted list."""

    remote_id: int
    name: str
    #: IPQS: the type of the values. WhoisXML has one type and leaves this empty.
    type_word: str
    spool: Spool
    #: Epoch seconds.
    accepted_at: float
    #: Epoch seconds at which the work begins.
    starts_at: float
    work_seconds: float
    #: Part of the work beyond which the job never gets, `None` if it finishes.
    stall_at: float | None = None
    #: Neither the list nor its own status shows the job.
    hidden: bool = False
    #: Added to the number of rows that the job names, as the knob `job_rows_error` is.
    rows_error: int = 0
    #: Every n-th row is missing from its result, whatever the knob of that name says; 0: as the knob says.
    missing_row_every: int = 0
    #: Seconds after its acceptance in which the list, and its own status, do not show the job.
    list_delay_seconds: float = 0.0
    status_delay_seconds: float = 0.0
    #: Made by somebody else on the account: it was not charged here.
    of_others: bool = False
    #: IPQS: part of the work at which the job is aborted, `None` if it is not.
    abort_at: float | None = None
    #: IPQS: status calls that find the job still queued.
    queue_polls: int = 0
    #: IPQS: status calls so far.
    looks: int = 0
    #: WhoisXML: version of the API that the job was made with.
    api_version: int = 3
    #: WhoisXML: part of the well-formed values that fail.
    failed_share: float = 0.0

    @property
    def ends_at(self) -> float:
        """Epoch seconds at which the work is done, if nothing stops it."""
        return self.starts_at + self.work_seconds

    def queued(self, now: float) -> bool:
        """Whether the work has not begun."""
        return now < self.starts_at or self.looks < self.queue_polls

    def progress(self, now: float) -> float:
        """Part of the work done, 0.0 to 1.0."""
        stops = [part for part in (self.stall_at, self.abort_at) if part is not None]
        return min(self._elapsed(now), *stops, 1.0)

    def aborted(self, now: float) -> bool:
        """Whether the provider gave the job up."""
        return self.abort_at is not None and self._elapsed(now) >= self.abort_at

    def finished(self, now: float) -> bool:
        """Whether results exist."""
        return self.stall_at is None and self.abort_at is None and self._elapsed(now) >= 1.0

    def _elapsed(self, now: float) -> float:
        if now < self.starts_at:
            return 0.0
        return min((now - self.starts_at) / self.work_seconds, 1.0) if self.work_seconds else 1.0
