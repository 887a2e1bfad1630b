"""What was seen when an account is compared with what is known here: what the predicates read, and nothing else.

Whoever makes a snapshot reads the remote list first and the records after it, so that a job which a part got meanwhile
is not taken for nobody's. It holds the parts that live, those of listed jobs, and those of open findings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.core.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.core.columns import KnownColumns
    from worker.core.records import PartRecord, UploadRecord
    from worker.core.schedule import PollPolicy


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far the two sides may be apart before that is drift. The settings of the same names come first."""

    #: How long a job may not be in the list after it was accepted, seconds.
    settle_seconds: float = 600.0
    #: How far the provider's clock may be from the store's, seconds.
    clock_skew_seconds: float = 300.0
    #: How long a change there may go unseen here, seconds: no less than the longest wait between two looks.
    late_seconds: float = 900.0
    #: How long a result may wait to be downloaded, seconds.
    uncollected_seconds: float = 3_600.0
    #: How many times longer than similar jobs one may make no progress, and how long at least, seconds.
    stalled_factor: float = 5.0
    stalled_seconds: float = 6 * 3_600.0
    #: Credits by which ledger and provider may differ, and the fraction of what was spent.
    slack_credits: int = 100
    slack_fraction: float = 0.01


@dataclass(frozen=True, slots=True)
class SweepWorth:
    """What one sweep over the remote list is worth as evidence."""

    #: By the store's clock, epoch seconds.
    began_at: float
    #: Whether every page was read, unfiltered, and as many jobs were seen as the provider counts.
    complete: bool
    #: Whether even then nothing can have shifted unseen, so that what it does not show is not there.
    proven: bool = True
    #: A job known to be of this account that the sweep did show, by kind: without one an absence proves nothing.
    controls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What all that is seen in one comparison has in common."""

    account: str
    #: By the store's clock, epoch seconds.
    now: float
    sweep: SweepWorth
    policy: PollPolicy
    bounds: Bounds = Bounds()
    #: How long the provider keeps a result, seconds; `None`: for as long as is known.
    retention_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job as the remote list showed it."""

    remote_id: str
    #: A word of `worker.providers.port.RemoteStatus`, and the provider's own.
    status: str
    word: str = ""
    kind: str | None = None
    rows: int | None = None
    #: Fraction done, 0.0 to 1.0.
    progress: float | None = None
    #: Our token in its name, whole.
    token: str | None = None
    #: Epoch seconds by the provider's clock.
    started_at: float | None = None
    ended_at: float | None = None
    #: Whether it may turn out to be that of an open attempt, so that it is not a stranger's for sure.
    maybe_ours: bool = False

    @property
    def seen(self) -> Seen:
        """What it means for its part."""
        return Seen(self.status, self.word, self.progress, self.ended_at)

    @property
    def order(self) -> tuple[int, str]:
        """Older jobs first, where ids are numbers; a stable order in any case."""
        return (int(self.remote_id), "") if self.remote_id.isdecimal() else (0, self.remote_id)


@dataclass(frozen=True, slots=True)
class PartCase:
    """A part, and what was seen that concerns it."""

    occasion: Occasion
    part: PartRecord
    #: The job with the part's remote id, as the list showed it.
    job: ListedJob | None = None
    #: Other jobs in the list that carry the part's token.
    named: tuple[ListedJob, ...] = ()
    #: Ids of other parts that have the same remote id, by their records or by the index; none that has failed.
    rivals: tuple[str, ...] = ()
    #: How long nearly all similar jobs took, seconds, where that is known.
    expected_seconds: float | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody may be acting on the part now, whose outcome is waited for."""
        return self.part.leased_now(self.occasion.now)

    @property
    def done_at(self) -> float:
        """When the part's job was done, epoch seconds, or since when it is taken to be."""
        return self.part.remote_finished_at or self.part.finished_at or self.part.since

    @property
    def is_past_retention(self) -> bool:
        """Whether the provider has certainly deleted the result of a job that was done, whatever its clock says."""
        kept_seconds = self.occasion.retention_seconds
        if kept_seconds is None:
            return False
        return self.occasion.now > self.done_at + kept_seconds + self.occasion.bounds.clock_skew_seconds


@dataclass(frozen=True, slots=True)
class JobCase:
    """A listed job that no part has, that no attempt in storage knows, and that is of no purged upload."""

    occasion: Occasion
    job: ListedJob


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that should be in storage now, as a read of it found it."""

    #: The part or the upload that it belongs to.
    subject: str
    #: Its name in storage.
    name: str
    found: bool
    #: Digest of its bytes, and the one that was recorded; `None`: not looked at, and not known.
    sha256: str | None = None
    recorded_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class StoredCase:
    """An object in storage."""

    occasion: Occasion
    object: StoredObject


@dataclass(frozen=True, slots=True)
class ColumnsCase:
    """The columns of the account's results of one kind."""

    occasion: Occasion
    columns: KnownColumns


@dataclass(frozen=True, slots=True)
class UploadCase:
    """An upload of which something is not here that was paid for, and what there is to bring it back."""

    occasion: Occasion
    upload: UploadRecord
    #: Where its account speaks to now.
    service: str
    #: Whether storage still has the list that it was made of: without it no result can be made.
    listed: bool
    #: Parts of it that differ from what the remote list shows.
    seen: tuple[PartCase, ...] = ()
    #: Its parts, where storage was looked at, and the ids of those whose verdicts are not there as they were written.
    parts: tuple[PartRecord, ...] = ()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """What the provider told of an account's credits, and what the ledger said at the same time."""

    balance: int
    #: What was used in the present billing period, all kinds together, where the provider tells.
    usage: int | None
    #: Credits committed and wasted, by the ledger, since its beginning.
    spent: int


@dataclass(frozen=True, slots=True)
class Money:
    """Two readings, the first of which is kept until the two sides agree, and what is known of the time between."""

    before: Reading
    after: Reading
    #: Credits that one side may count and the other not yet: jobs under way and attempts of unknown outcome, at both.
    under_way: int
    #: Rows of strangers' jobs that began meanwhile; `None` where their number is not told.
    foreign_rows: int | None
    #: Credits reserved by the ledger, and by the parts.
    reserved: int
    reserved_by_parts: int


@dataclass(frozen=True, slots=True)
class AccountCase:
    """The account as a whole."""

    occasion: Occasion
    #: Listed jobs that are certainly nobody's here.
    foreign: tuple[ListedJob, ...] = ()
    money: Money | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that was seen of one account."""

    occasion: Occasion
    parts: tuple[PartCase, ...] = ()
    #: Listed jobs that no part has and no purged upload had.
    unowned: tuple[ListedJob, ...] = ()
    stored: tuple[StoredObject, ...] = ()
    money: Money | None = None
    #: The columns of the account's results, by kind.
    columns: Mapping[str, KnownColumns] = field(default_factory=dict)
    #: Uploads that findings are about which salvage may end, by id; known only where repairs are planned.
    uploads: Mapping[str, UploadCase] = field(default_factory=dict)
