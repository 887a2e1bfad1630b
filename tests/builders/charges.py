"""What simulated providers were paid for, held against the attempts that storage remembers and the parts in the store.

A job is known by the token in its name, and where the provider keeps no names by its values: equal lists of several
parts may be charged once for each.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.actors.attempts import RECORD_BYTES_MAX
from worker.core.token import matching, token_in
from worker.providers.port import Kind
from worker.providers.sandbox.ipqs import IpqsSandbox
from worker.rows.values import fold_key, values_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from worker.core.records import PartRecord
    from worker.providers.sandbox.ipqs import IpqsSandbox as Ipqs
    from worker.providers.sandbox.jobs import Job
    from worker.providers.sandbox.whoisxml import WhoisXmlSandbox
    from worker.storage import Storage

    Sandbox = Ipqs | WhoisXmlSandbox


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the attempt records of one token say."""

    part_id: str
    provider: str
    digest: str
    #: Numbers of its attempts.
    numbers: frozenset[int]


class Charges:
    """The simulators' ledgers beside the attempt records; what never changes is read once."""

    def __init__(
        self,
        storage: Storage,
        sandboxes: Sequence[Sandbox],
        *,
        foreign: Collection[int] = (),
        charges_max: Mapping[str, int] | None = None,
    ) -> None:
        """`foreign` are ids of jobs that bulkverify did not make.

        `charges_max` has the tokens of parts that a person had submitted again, with the charges that they may have.
        """
        self._storage = storage
        self._sandboxes = sandboxes
        self._foreign = foreign
        self._charges_max = charges_max or {}
        self._attempts: dict[str, dict[str, object]] = {}
        self._digests: dict[tuple[int, int], str] = {}

    def broken(self, parts: Iterable[PartRecord]) -> Iterator[str]:
        """One sentence for each double charge, unrecorded attempt, and part with a job that is not its own."""
        recorded = self._recorded()
        for token, known in recorded.items():
            if known.numbers != frozenset(range(1, len(known.numbers) + 1)):
                yield f"{known.part_id} has gaps among its attempts: {sorted(known.numbers)} of {token}"
        for sandbox in self._sandboxes:
            yield from self._charged(sandbox, recorded)
        for part in parts:
            yield from self._job_of(part)

    def _recorded(self) -> dict[str, Recorded]:
        """Every token that has attempts, with what they say."""
        numbers: dict[str, set[int]] = defaultdict(set)
        found: dict[str, dict[str, object]] = {}
        for name in self._storage.list("attempts"):
            _, token, record = name.split("/")
            if record.endswith(".outcome.json"):
                continue
            if name not in self._attempts:
                self._attempts[name] = json.loads(self._storage.read(name, RECORD_BYTES_MAX))
            numbers[token].add(int(record.removesuffix(".json")))
            found[token] = self._attempts[name]
        return {
            token: Recorded(
                part_id=f"{told['upload_id']}/{told['part']}",
                provider=str(told["provider"]),
                digest=str(told["digest"]),
                numbers=frozenset(numbers[token]),
            )
            for token, told in found.items()
        }

    def _charged(self, sandbox: Sandbox, recorded: Mapping[str, Recorded]) -> Iterator[str]:
        here = {token: known for token, known in recorded.items() if known.provider == _provider(sandbox)}
        by_tokens: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for charge in sandbox.ledger:
            if charge.remote_id in self._foreign:
                continue
            job = sandbox.jobs.get(charge.remote_id)
            if job is None:
                yield f"{_provider(sandbox)} charged for job {charge.remote_id}, which it does not have"
            elif tokens := self._tokens_of(sandbox, job, here):
                by_tokens[tokens].append(job.remote_id)
            else:
                yield f"{_provider(sandbox)} job {job.remote_id} {job.name} was made without an attempt record"
        for tokens, jobs in by_tokens.items():
            if len(jobs) > sum(self._charges_max.get(token, 1) for token in tokens):
                parts = ", ".join(here[token].part_id for token in tokens)
                yield f"{_provider(sandbox)} charged {len(jobs)} times for {parts}: jobs {jobs}"

    def _tokens_of(self, sandbox: Sandbox, job: Job, recorded: Mapping[str, Recorded]) -> tuple[str, ...]:
        """The token of a job, or those of all parts with its values; none when no attempt may have made it."""
        token = matching(job.name, recorded)
        if token is not None:
            return (token,)
        if token_in(job.name) is not None:
            return ()
        digest = self._digest_of(sandbox, job)
        return tuple(token for token, known in recorded.items() if known.digest == digest)

    def _job_of(self, part: PartRecord) -> Iterator[str]:
        """A part's remote job must hold its values; one that was found by its time alone may still prove wrong."""
        sandboxes = [sandbox for sandbox in self._sandboxes if _provider(sandbox) == part.provider]
        if part.remote_id is None or part.provisional or not sandboxes:
            return
        number = int(part.remote_id) if part.remote_id.isdecimal() else 0
        jobs = [(sandbox, job) for sandbox in sandboxes if (job := sandbox.jobs.get(number)) is not None]
        if not jobs:
            yield f"{part.part_id} has remote job {part.remote_id}, which does not exist"
        elif not any(self._digest_of(sandbox, job) == part.digest for sandbox, job in jobs):
            yield f"{part.part_id} has remote job {part.remote_id}, which holds other values"

    def _digest_of(self, sandbox: Sandbox, job: Job) -> str:
        place = (id(sandbox), job.remote_id)
        if place not in self._digests:
            kind = Kind(job.type_word or "email")
            self._digests[place] = values_digest(fold_key(kind, value) for value in job.spool.values())
        return self._digests[place]


def _provider(sandbox: Sandbox) -> str:
    return "ipqs" if isinstance(sandbox, IpqsSandbox) else "whoisxml"
