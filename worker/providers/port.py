"""The one port that every provider adapter implements, and the values that pass through it.

An adapter turns each answer of its provider into these values or into one of the errors of `worker.providers.errors`.
Nothing here names a vendor. Reading is tolerant: a status word nobody knows is kept and becomes `RemoteStatus.UNKNOWN`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path


class Kind(StrEnum):
    """What the values of a list are."""

    EMAIL = "email"
    PROXY = "proxy"
    URL = "url"
    PHONE = "phone"
    LEAKED_EMAIL = "leaked_email"
    LEAKED_PASSWORD = "leaked_password"  # noqa: S105 - the name of a kind
    LEAKED_USERNAME = "leaked_username"

    @property
    def secret(self) -> bool:
        """Whether the values are secrets themselves: none may stand in a log, timeline, event or error."""
        return self is Kind.LEAKED_PASSWORD


class SubmitMethod(StrEnum):
    """How values go to a provider."""

    #: A file of values in a form.
    FORM = "form"
    #: Values as JSON, streamed.
    JSON = "json"
    #: The provider fetches the file from a URL.
    PULL = "pull"


class RemoteStatus(StrEnum):
    """Where a remote job stands, whatever word its provider uses for it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    #: A word outside the adapter's mapping: treated as running, counted, kept in `Observation.word`.
    UNKNOWN = "unknown"


class VerdictWord(StrEnum):
    """The normalised verdict on one value."""

    OK = "ok"
    BAD = "bad"
    RISKY = "risky"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as data. `None` means: no limit is documented."""

    kinds: frozenset[Kind]
    #: Most values in one remote job.
    batch_rows_max: int | None
    #: Most remote ids in one observe call (1: the provider answers for one job at a time).
    observe_ids_max: int
    #: Whether observations carry a progress fraction.
    progress: bool
    #: Seconds a finished result stays available.
    retention_seconds: int | None
    #: Remote jobs on one page of the list.
    list_page_rows: int
    #: Whether the list shows the name given at submit, so that a token in it identifies a job.
    name_echo: bool
    #: Whether the list is ordered newest first (else oldest first).
    list_newest_first: bool
    #: The cursor of page number `{page}`, which may not exist, where any page can be asked for; `None` where none can.
    list_jump: str | None
    #: Ways to submit, the best first.
    submit_methods: tuple[SubmitMethod, ...]
    #: Parts of a result that the provider also gives as files of their own, by name.
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Submission:
    """One part to submit: `rows` values in the UTF-8 file `path`, one CSV cell per line, no header.

    With `SubmitMethod.PULL` the provider is told `url`, where it finds the same values; the file then is not read.
    """

    path: Path
    rows: int
    kind: Kind
    #: Starts with the part's token, then the producer's label; at most 120 characters of ``[A-Za-z0-9._-]``.
    name: str
    #: Seconds for connect, the whole body and the answer together.
    deadline_seconds: float
    method: SubmitMethod
    #: May hold credentials, as a link to a private file does.
    url: str | None = field(default=None, repr=False)
    #: From when on the deadline counts, by `time.monotonic`: a process that was frozen meanwhile sends nothing.
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The provider accepted a submission (and charges for it)."""

    remote_id: str
    #: The name as the provider echoed it in its answer, `None` if it did not.
    name: str | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What the provider says of one remote job."""

    remote_id: str
    status: RemoteStatus
    #: The provider's own status word, at most 40 characters.
    word: str = ""
    #: Fraction done, 0.0 to 1.0, `None` where the provider gives none.
    progress: float | None = None
    total_rows: int | None = None
    invalid_rows: int | None = None
    name: str | None = None
    kind: str | None = None
    #: Epoch seconds by the provider's clock, `None` where it gives none.
    started_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the remote list. `next_cursor` is `None` on the last page."""

    jobs: tuple[Observation, ...]
    next_cursor: str | None
    #: How many jobs the provider says there are in all, `None` where it does not say.
    total_jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """One complete result file as the provider gave it, on local disk."""

    name: str
    path: Path
    size_bytes: int
    sha256: str
    #: The segment that the file is, `None` for the whole result or a part of it that no other file repeats.
    segment: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the provider says of one value, with the provider's own columns by name."""

    value: str
    word: VerdictWord
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credits:
    """What the account can still spend, in credits (1 credit = 1 value), and usage by kind where the provider tells."""

    balance: int
    usage: Mapping[str, int] = field(default_factory=dict)


class Gate(Protocol):
    """Permission to call the provider: every HTTP call takes one token first."""

    def acquire(self, operation: str) -> None:
        """Take a token, waiting a bounded time; raises `Throttled` when that is not enough."""


class Reporter:
    """Hooks for what happens at the HTTP boundary. Every method does nothing by default."""

    def call_finished(self, operation: str, outcome: str, seconds: float) -> None:
        """One HTTP call ended. `outcome` is `2xx`, `3xx`, `4xx`, `5xx`, `throttled`, `timeout` or `connection`."""

    def soft_error(self, operation: str, reason: str) -> None:
        """A call that HTTP calls a success and the provider calls an error."""

    def unknown_word(self, operation: str, word: str) -> None:
        """The provider used a word that the adapter does not know."""


class Provider(Protocol):
    """One account at one provider. Instances are safe to use from several threads."""

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do."""

    def submit(self, submission: Submission) -> Submitted:
        """Spend: the only call that makes the provider charge.

        Raises `Refused`, `CredentialsRejected`, `OutOfCredits`, `Throttled` or `NotSent` only where the provider
        definitely did not accept; in every other case of failure `OutcomeUnknown`.
        """

    def observe(self, remote_ids: Sequence[str]) -> Mapping[str, Observation]:
        """Look at jobs by id, at most `capabilities.observe_ids_max`; ids the provider does not know are left out."""

    def list_page(self, cursor: str | None = None) -> ListPage:
        """One page of the account's remote jobs, unfiltered; `None` begins at the first page."""

    def collect(self, remote_id: str, folder: Path, segments: Collection[str] = ()) -> tuple[Artifact, ...]:
        """Download the whole result of a finished job into `folder`; each file is complete and parses.

        Raises `OSError` where this machine cannot keep it, which is no fault of the provider's.
        Each of the named `segments` comes as an artifact of its own besides it, see `Artifact.segment`; an empty one is
        left out. A segment that is the whole result is that artifact, and is not downloaded twice.
        """

    def read(self, artifacts: Sequence[Artifact], kind: Kind) -> Iterator[Verdict]:
        """Verdicts from the whole result, one by one, in bounded memory; segments are skipped. Raises `Malformed`."""

    def credits(self) -> Credits:
        """What the account can still spend. Never charged."""
