"""One account with jobs in flight, polled by the program's own poll actor at a virtual time.

Real Redis, the real store and poll actor, and both adapters, which ask the simulated providers over real HTTP. Jobs are
put to the provider and into the store as if they had been submitted; poll messages are run when they are due, whatever
is asked for in other lanes is not done, and a call takes no time beyond what the account's own rate makes it wait.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.builders.records import a_part, an_upload, stored
from worker.actors import poll
from worker.core.states import Lane, PartState, UploadState
from worker.core.values import Evidence
from worker.providers.sandbox.values import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.builders.stepping import Stepping
    from worker.providers.sandbox.jobs import Job

#: Rows of each job: all are alike, and so many that progress is told in small steps.
JOB_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A job that has ended and was seen to have."""

    job_seconds: float
    #: Epoch seconds at which it ended.
    ended_at: float
    lag_seconds: float


@dataclass
class PollMessages:
    """Keeps the hints that poll messages are, and notes which parts have gone on to be collected."""

    now: Any
    waiting: list[tuple[float, int, str, int]] = field(default_factory=list)
    #: With when that was, epoch seconds.
    finished: list[tuple[str, float]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Implements `worker.context.Hints`."""
        if lane is Lane.POLL:
            heappush(self.waiting, (self.now() + delay_seconds, next(self._order), item, epoch))
        elif lane is Lane.COLLECT:
            self.finished.append((item, self.now()))


class PolledAccount:
    """One account of a `stepping` line."""

    def __init__(self, line: Stepping, account: str) -> None:
        self.account = account
        self.clock = line.clock
        self.simulated: Any = line.ipqs if account.startswith("ipqs") else line.whoisxml
        self.hints = PollMessages(line.clock.now)
        # The store that nobody watches, because every look is written.
        self._context = dataclasses.replace(line.process.context, store=line.store, hints=self.hints)
        self._service = self._context.accounts[account].service
        self._provider = self._context.accounts[account].account.provider
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1)
        self.simulated.knobs.credits = 10**12
        values = self.simulated.folder / "values.csv"
        values.write_text("anna@example.com\n")
        self._spool = Spool(values, Counter(processed=JOB_ROWS))

    @property
    def calls(self) -> int:
        """Calls that the provider has seen."""
        calls: Counter[str] = self.simulated.calls
        return calls.total()

    @property
    def unseen(self) -> int:
        """Jobs that the program takes for unfinished."""
        return len(self._jobs)

    def unseen_until(self, moment: float) -> int:
        """Jobs that ended by `moment` and that the program takes for unfinished."""
        return sum(job.ends_at <= moment for job in self._jobs.values())

    def start(self, job_seconds: float, *, age_seconds: float = 0.0, tells_progress: bool = True) -> Job:
        """Have a job run for so long, of which some may have passed; without progress it looks queued to the end."""
        now = self.clock.now()
        job: Job = self.simulated.accept(self._spool, name="list", type_word="email" * (self._provider == "ipqs"))
        job.accepted_at = now - age_seconds
        job.starts_at = job.accepted_at + (0.0 if tells_progress else job_seconds)
        job.work_seconds = job_seconds if tells_progress else 0.0
        floor_seconds = self._context.policy.floor_seconds
        upload_id = f"{self.account}-{next(self._numbers)}"
        part = a_part(
            upload_id,
            0,
            PartState.SUBMITTED,
            now=job.accepted_at,
            account=self.account,
            provider=self._provider,
            rows=JOB_ROWS,
            remote_id=str(job.remote_id),
            service=self._service,
            submitted_at=job.accepted_at,
            evidence=(Evidence(remote_id=str(job.remote_id), how="answer", at=job.accepted_at),),
            # A job that is older was last looked at some time ago.
            due_at=now + floor_seconds - age_seconds % floor_seconds,
        )
        running = an_upload(
            upload_id, UploadState.RUNNING, now=now, account=self.account, provider=self._provider, parts_total=1
        )
        stored(self._context.store, running, part, decision="submitted")
        self._jobs[part.part_id] = job
        self._context.hint_poll(self.account, part.due_at)
        return job

    def next_turn_at(self) -> float:
        """When the next poll message is due; infinity when there is none."""
        return self.hints.waiting[0][0] if self.hints.waiting else float("inf")

    def turn(self) -> Iterator[Seen]:
        """Let time pass until the next poll message is due, and run it: the jobs that it found finished."""
        due_at, _, account, epoch = heappop(self.hints.waiting)
        self.advance_to(due_at)
        poll.run(self._context, account, epoch)
        for part_id, seen_at in self.hints.finished:
            job = self._jobs.pop(part_id, None)
            if job is not None:
                yield Seen(job.ends_at - job.accepted_at, job.ends_at, seen_at - job.ends_at)
        self.hints.finished.clear()

    def advance_to(self, moment: float) -> None:
        """Let time pass."""
        self.clock.advance(max(moment - self.clock.now(), 0.0))

    def forget_durations(self) -> None:
        """Forget what similar jobs took."""
        for name in self._context.store.client.scan_iter(self._context.store.key("durations", "*")):
            self._context.store.client.delete(name)
