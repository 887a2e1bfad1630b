"""What both simulated providers keep: jobs, charges, calls, limits, and faults that are due."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter, deque
from dataclasses import dataclass, replace
from filecmp import cmp
from typing import TYPE_CHECKING, Generic, TypeVar

from worker.providers.sandbox.echo import echoing
from worker.providers.sandbox.faults import answer_with, take
from worker.providers.sandbox.jobs import Job
from worker.providers.sandbox.knobs import Knobs
from worker.providers.sandbox.values import Spool

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.providers.sandbox.clock import TimeSource
    from worker.providers.sandbox.wire import Request, Response

#: Jobs that one simulated account holds at most; the oldest are forgotten first.
JOBS_MAX = 100_000
#: Ids are scattered within blocks of this many.
ID_BLOCK = 1_000
#: Step through a block: coprime to `ID_BLOCK`, so that each id comes once.
ID_STRIDE = 617


KnobsT = TypeVar("KnobsT", bound=Knobs)


@dataclass(frozen=True, slots=True)
class Charge:
    """Credits taken for one accepted job: one for each row."""

    remote_id: int
    rows: int
    #: Epoch seconds.
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for."""

    operation: str
    perform: Callable[[], Response]


class SimulatedProvider(ABC, Generic[KnobsT]):
    """One account at one simulated provider. Safe to use from several threads."""

    def __init__(self, *, key: str, clock: TimeSource, folder: Path, knobs: KnobsT, seed: int = 0) -> None:
        self.key = key
        self.clock = clock
        #: May be changed, and replaced, at any time.
        self.knobs = knobs
        self.seed = seed
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        #: Every charge, oldest first.
        self.ledger: list[Charge] = []
        #: Jobs by remote id, oldest first.
        self.jobs: dict[int, Job] = {}
        #: Calls by operation, whatever their outcome; `unknown` counts what names no operation.
        self.calls: Counter[str] = Counter()
        self.lock = threading.RLock()
        self._accepted = 0
        self._charged_rows = 0
        self._recent_calls: deque[float] = deque()

    @abstractmethod
    def refusal(self, word: str, text: str = "") -> Response:
        """The provider's answer for `bad_key`, `no_credits`, `quota` or `refuse` (with `text`)."""

    @abstractmethod
    def throttled(self, retry_after_seconds: float | None) -> Response:
        """The provider's answer to too many calls."""

    @abstractmethod
    def status_word(self, job: Job) -> str:
        """Where a job stands now, in one word."""

    @abstractmethod
    def _route(self, request: Request) -> Call | Response:
        """The operation that the request names, or the answer to a request that names none."""

    @property
    def balance(self) -> int:
        """Credits left."""
        return self.knobs.credits - self._charged_rows

    def handle(self, request: Request) -> Response:
        """Answer one request. Raises `BodyCut` when its body ends early: then nothing was accepted."""
        call = self._route(request)
        with self.lock:
            self.calls[call.operation if isinstance(call, Call) else "unknown"] += 1
            if not isinstance(call, Call):
                return call
            if self._too_many_calls():
                return self.throttled(self.knobs.retry_after_seconds)
            fault = take(self.knobs.faults, call.operation)
        answer = answer_with(fault, call.perform, self) if fault else call.perform()
        return echoing(answer, request) if self.knobs.echo_requests else answer

    def accept(self, spool: Spool, *, name: str = "", type_word: str = "") -> Job | None:
        """Take a list in, charge for it and give it an id; `None` when the balance does not cover it."""
        with self.lock:
            if spool.rows > self.balance:
                spool.discard()
                return None
            knobs, now = self.knobs, self.clock.now()
            job = Job(
                remote_id=self._next_id(),
                name=name,
                type_word=type_word,
                spool=spool,
                accepted_at=now,
                starts_at=now + knobs.queue_seconds,
                work_seconds=knobs.job_seconds + spool.rows * knobs.row_seconds,
                stall_at=knobs.stall_at,
                list_delay_seconds=knobs.job_list_delay_seconds,
                status_delay_seconds=knobs.job_status_delay_seconds,
            )
            self._keep(job)
            self.ledger.append(Charge(job.remote_id, spool.rows, now))
            self._charged_rows += spool.rows
            return job

    def twin(self, spool: Spool, *, name: str = "", type_word: str = "") -> Job | None:
        """The job of an equal list that was accepted lately, if the knobs make such lists one."""
        with self.lock:
            since = self.clock.now() - self.knobs.deduplicate_jobs_seconds
            for job in reversed(self.jobs.values()) if self.knobs.deduplicate_jobs_seconds else ():
                alike = (job.name, job.type_word, job.spool.rows) == (name, type_word, spool.rows)
                if alike and job.accepted_at >= since and cmp(job.spool.path, spool.path, shallow=False):
                    return job
            return None

    def add_jobs_of_others(
        self, count: int, *, rows: int = 1, type_word: str = "email", name: str = "a list of others"
    ) -> list[Job]:
        """Jobs that somebody else has made on this account: listed as any other and not charged here.

        Their results have one row, whatever number of `rows` they name.
        """
        with self.lock:
            theirs = self.folder / "of-others.csv"
            theirs.write_text("somebody@example.net\n", encoding="utf-8")
            made = []
            for _ in range(count):
                now = self.clock.now()
                spool = Spool(theirs, Counter(processed=rows))
                job = Job(self._next_id(), name, type_word, spool, now, now, 0.0, of_others=True)
                self._keep(job)
                made.append(job)
            return made

    def copy_for_others(self, remote_id: int) -> Job:
        """Another job of the same name and values as a known one, accepted now and not charged here."""
        with self.lock:
            now = self.clock.now()
            job = replace(
                self.jobs[remote_id], remote_id=self._next_id(), accepted_at=now, starts_at=now, of_others=True
            )
            self._keep(job)
            return job

    def _keep(self, job: Job) -> None:
        self._accepted += 1
        self.jobs[job.remote_id] = job
        if len(self.jobs) > JOBS_MAX:
            self.jobs.pop(next(iter(self.jobs))).spool.discard()

    def find(self, remote_id: int) -> Job | None:
        """The job with this id, if it can be seen by id now."""
        job = self.jobs.get(remote_id)
        if job is None or job.hidden:
            return None
        delay_seconds = max(self.knobs.status_delay_seconds, job.status_delay_seconds)
        return job if self.clock.now() >= job.accepted_at + delay_seconds else None

    def listed(self) -> list[Job]:
        """The jobs that can be seen in the list now, oldest first."""
        now, delay_seconds = self.clock.now(), self.knobs.list_delay_seconds
        return [
            job
            for job in self.jobs.values()
            if not job.hidden and job.accepted_at <= now - max(delay_seconds, job.list_delay_seconds)
        ]

    def expired(self, job: Job) -> bool:
        """Whether the provider's retention has passed since the job's end."""
        retention_seconds = self.knobs.retention_seconds
        return retention_seconds is not None and self.clock.now() > job.ends_at + retention_seconds

    def state(self) -> dict[str, object]:
        """Calls, charges and jobs, fit for JSON."""
        with self.lock:
            words = Counter(self.status_word(job) for job in self.jobs.values())
            charges = [{"remote_id": c.remote_id, "rows": c.rows, "at": c.at} for c in self.ledger]
            return {
                "calls": dict(self.calls),
                "charges": charges,
                "charged_rows": self._charged_rows,
                "balance": self.balance,
                "jobs": dict(words),
            }

    def _next_id(self) -> int:
        count = self._accepted
        if self.knobs.ids == "scattered":
            block, place = divmod(count, ID_BLOCK)
            # The first of a block lands high, so that the very next job already has a lower id.
            count = block * ID_BLOCK + (ID_BLOCK - 1 + place * ID_STRIDE) % ID_BLOCK
        return self.knobs.first_id + count

    def _too_many_calls(self) -> bool:
        limit = self.knobs.calls_per_second_max
        if limit is None:
            return False
        now = self.clock.now()
        while self._recent_calls and self._recent_calls[0] <= now - 1.0:
            self._recent_calls.popleft()
        if len(self._recent_calls) >= limit:
            return True
        self._recent_calls.append(now)
        return False
