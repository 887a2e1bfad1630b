"""Evaluate: from what was seen to findings, and from the findings of one sweep to those of the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from worker.core.drift.breaker import Breaker, mass_disappearance
from worker.core.drift.classes import Basis, DriftClass
from worker.core.drift.findings import Finding
from worker.core.drift.predicates import OF_ACCOUNTS, OF_COLUMNS, OF_JOBS, OF_PARTS, OF_STORAGE
from worker.core.drift.views import AccountCase, ColumnsCase, JobCase, StoredCase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from worker.core.drift.evidence import Evidence
    from worker.core.drift.views import Occasion, Snapshot

#: Most findings of one account; where there are more, none is closed for want of being found again.
FINDINGS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one snapshot holds."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    breaker: Breaker
    #: Whether there are more findings than are kept.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Merged:
    """The findings of an account after a sweep; those in `closed` and `withdrawn` are no more, all others are kept."""

    #: Not believed yet.
    suspected: tuple[Finding, ...]
    #: Believed from now on.
    opened: tuple[Finding, ...]
    #: Believed before.
    still: tuple[Finding, ...]
    #: Believed before, and gone: `last_seen_at` is when it was seen for the last time.
    closed: tuple[Finding, ...]
    #: Suspected before, and gone.
    withdrawn: tuple[Finding, ...]

    @property
    def open(self) -> tuple[Finding, ...]:
        """Those that are believed."""
        return self.opened + self.still

    @property
    def kept(self) -> tuple[Finding, ...]:
        """Those to be kept for the next sweep."""
        return self.suspected + self.opened + self.still


def evaluate(snapshot: Snapshot) -> Evaluation:
    """All drift in a snapshot, each finding as if it was seen for the first time.

    A list that leaves out too many jobs is not believed: it proves of none that it is missing, and closes nothing.
    """
    breaker = mass_disappearance(snapshot.parts)
    believed = (one for one in _findings(snapshot) if not (breaker.tripped and one.drift is DriftClass.MISSING_REMOTE))
    found = tuple(islice(believed, FINDINGS_MAX + 1))
    return Evaluation(snapshot, found[:FINDINGS_MAX], breaker, cut=len(found) > FINDINGS_MAX)


def _findings(snapshot: Snapshot) -> Iterator[Finding]:
    occasion = snapshot.occasion
    # The few of the account come first, so that no number of parts crowds them out.
    foreign = tuple(job for job in snapshot.unowned if job.token is None and not job.maybe_ours)
    account = AccountCase(occasion, foreign, snapshot.money)
    for drift, of_account in OF_ACCOUNTS.items():
        yield from _found(drift, occasion, occasion.account, of_account(account))
    for kind, columns in snapshot.columns.items():
        for drift, of_columns in OF_COLUMNS.items():
            yield from _found(drift, occasion, kind, of_columns(ColumnsCase(occasion, columns)))
    for case in snapshot.parts:
        for drift, of_part in OF_PARTS.items():
            yield from _found(drift, occasion, case.part.part_id, of_part(case))
    for job in snapshot.unowned:
        for drift, of_job in OF_JOBS.items():
            yield from _found(drift, occasion, job.remote_id, of_job(JobCase(occasion, job)))
    for kept in snapshot.stored:
        for drift, of_object in OF_STORAGE.items():
            yield from _found(drift, occasion, kept.subject, of_object(StoredCase(occasion, kept)))


def _found(drift: DriftClass, occasion: Occasion, subject: str, evidence: Evidence | None) -> Iterator[Finding]:
    if evidence is not None:
        yield Finding(
            drift=drift,
            account=occasion.account,
            subject=subject,
            evidence=dict(evidence),
            first_seen_at=occasion.now,
            last_seen_at=occasion.now,
            swept_at=occasion.sweep.began_at,
        )


def merge(old: Iterable[Finding], evaluation: Evaluation) -> Merged:
    """What an evaluation means for the findings from before. Merging the same sweep again changes no count."""
    before = {finding.key: finding for finding in old}
    # Several objects of one subject may be missing: it is one finding, with the first of them as its evidence.
    now = {finding.key: finding for finding in reversed(evaluation.findings)}
    again = [_again(before[key], finding) if key in before else finding for key, finding in reversed(now.items())]
    gone = [finding for key, finding in before.items() if key not in now]
    told = _Told(evaluation)
    unjudged = [finding for finding in gone if not told.speaks_of(finding)]
    ended = [finding for finding in gone if told.speaks_of(finding)]
    kept = again + unjudged
    was_believed = {key for key, finding in before.items() if finding.believed}
    return Merged(
        suspected=tuple(finding for finding in kept if not finding.believed),
        opened=tuple(finding for finding in kept if finding.believed and finding.key not in was_believed),
        still=tuple(finding for finding in kept if finding.key in was_believed),
        closed=tuple(finding for finding in ended if finding.believed),
        withdrawn=tuple(finding for finding in ended if not finding.believed),
    )


def _again(before: Finding, found: Finding) -> Finding:
    another = found.swept_at > before.swept_at
    seen = {"evidence": found.evidence, "last_seen_at": max(before.last_seen_at, found.last_seen_at)}
    counted = {"times": before.times + another, "swept_at": max(before.swept_at, found.swept_at)}
    return before.model_copy(update=seen | counted)


class _Told:
    """Of which findings a snapshot says anything, so that it speaks against those that it does not hold."""

    def __init__(self, evaluation: Evaluation) -> None:
        snapshot = evaluation.snapshot
        self._cut = evaluation.cut
        self._sweep_complete = snapshot.occasion.sweep.complete and not evaluation.breaker.tripped
        self._absence_proven = self._sweep_complete and snapshot.occasion.sweep.proven
        self._money = snapshot.money is not None
        self._parts = {case.part.part_id: case for case in snapshot.parts}
        self._stored = {kept.subject for kept in snapshot.stored}

    def speaks_of(self, finding: Finding) -> bool:
        """Whether the subject was looked at. A part without a record is one that no drift is about any more."""
        if self._cut:
            return False
        match finding.rule.basis:
            case Basis.LIST:
                is_absence = finding.drift is DriftClass.MISSING_REMOTE
                return (self._absence_proven if is_absence else self._sweep_complete) or self._shown(finding)
            case Basis.STORAGE:
                return finding.subject in self._stored
            case Basis.MONEY:
                return self._money
            case Basis.RECORD:
                return True

    def _shown(self, finding: Finding) -> bool:
        """Whether even a part of the list has shown the very job, or the part that had it has no record any more."""
        case = self._parts.get(finding.subject)
        if case is None:
            return "/" in finding.subject
        jobs = {job.remote_id for job in (case.job, *case.named) if job is not None}
        return finding.evidence.get("remote_id") in jobs
