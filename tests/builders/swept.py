"""A line whose sweeps are made one by one: what is at the provider, what is known here, and what a sweep finds."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.builders.stepping import stepping
from worker.actors import reconcile
from worker.core.part import collect_later
from worker.providers.sandbox.ipqs_types import TYPES
from worker.providers.sandbox.values import spool_values
from worker.providers.sandbox.whoisxml_results import judge
from worker.store.findings import read_findings
from worker.store.sweeps import last_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.builders.stepping import Stepping
    from worker.context import Connected
    from worker.core.drift.findings import Finding
    from worker.core.records import PartRecord
    from worker.core.states import PartState

#: The upload whose job was done and collected before a test begins.
EARLIER = "crm-0"
#: Seconds between two sweeps, unless a test says otherwise.
BETWEEN_SECONDS = 60.0


class Swept:
    """One account of a line that moves by steps."""

    def __init__(self, line: Stepping, account: str) -> None:
        self.line = line
        self.account = account
        self.sandbox: Any = line.ipqs if account.startswith("ipqs") else line.whoisxml

    @property
    def connected(self) -> Connected:
        """The account as the present process has it."""
        return self.line.process.context.accounts[self.account]

    # What there is

    def ask(self, upload_id: str, *values: str) -> None:
        """Submit a list as a producer does."""
        path = self.line.folder / f"{upload_id}.csv"
        path.write_text("\n".join(values or (f"{upload_id}@example.com",)) + "\n")
        options = {"header": False}
        self.line.client.submit(path, account=self.account, kind="email", upload_id=upload_id, options=options)

    def until(self, upload_id: str, state: PartState) -> PartRecord:
        """Step until the upload's part is in a state; the part."""
        while not (parts := self._parts(upload_id)) or parts[0].state is not state:
            self.line.step()
        return parts[0]

    def part(self, upload_id: str) -> PartRecord:
        """The upload's only part."""
        (part,) = self._parts(upload_id)
        return part

    def put_off(self, *upload_ids: str) -> None:
        """The downloads of finished parts have failed, and are tried again only in a week."""
        now = self.line.clock.now()
        for upload_id in upload_ids:
            again_at = now + 7 * 86_400.0
            self.line.store.commit(collect_later(self.part(upload_id), now, "unavailable", "No answer.", again_at))

    def _parts(self, upload_id: str) -> list[PartRecord]:
        upload = self.line.store.upload(upload_id)
        return [] if upload is None else list(self.line.store.parts_of(upload))

    def stranger(self, *values: str, name: str = "theirs.csv") -> int:
        """A job that somebody else makes on the account now; its id."""
        ipqs = self.account.startswith("ipqs")
        word = partial(TYPES["email"].judge, 0) if ipqs else partial(judge, 0, 0.0)
        spool = spool_values(values, self.sandbox.folder, word, deduplicate=False)
        job = self.sandbox.accept(spool, name=name, type_word="email")
        assert job is not None
        return int(job.remote_id)

    def many_strangers(self, jobs: int) -> None:
        """That many more jobs of somebody else, each with one value, behind all others."""
        first = self.sandbox.jobs[max(self.sandbox.jobs)]
        for remote_id in range(first.remote_id + 1, first.remote_id + 1 + jobs):
            self.sandbox.jobs[remote_id] = replace(first, remote_id=remote_id, name="theirs.csv", of_others=True)

    # Sweeps

    def sweep(self, *, after_seconds: float = BETWEEN_SECONDS) -> list[str]:
        """Let time pass, in which nobody does anything, and sweep; what is open then, by class."""
        self.line.clock.advance(after_seconds)
        reconcile.run(self.line.process.context, self.account, 0)
        return self.open()

    def findings(self) -> tuple[Finding, ...]:
        """What is kept."""
        return read_findings(self.line.store, self.account).findings

    def open(self) -> list[str]:
        """The classes of findings that are believed; strangers, who are there by the way, aside."""
        found = [str(finding.drift) for finding in self.findings() if finding.believed]
        return sorted(word for word in found if word != "foreign_remote")

    def tally(self) -> Mapping[str, str]:
        """What the last sweep has left for the exporter."""
        return last_sweep(self.line.store, self.account)

    def jobs_seen(self) -> int:
        """How many jobs the last sweep has seen."""
        return sum(int(jobs) for name, jobs in self.tally().items() if name.startswith("jobs:"))

    def counted(self, name: str, drift: str) -> int:
        """An outcome counter of a class."""
        client: Any = self.line.store.client
        return int(client.hget(self.line.store.key("counters"), f"{name}|{drift}") or 0)

    def decisions(self, upload_id: str) -> Sequence[str]:
        """What the upload's timeline tells."""
        return [str(entry["decision"]) for entry in self.line.store.timeline(upload_id)]


@contextmanager
def swept_account(folder: Path, redis_url: str, account: str) -> Iterator[Swept]:
    """An account whose list has one job, known to be ours and delivered, after its first sweep."""
    with stepping(folder, redis_url) as line:
        swept = Swept(line, account)
        swept.ask(EARLIER)
        line.settle(EARLIER)
        assert swept.sweep() == []
        yield swept
