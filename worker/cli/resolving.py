"""Carrying out what a person decided about parts in quarantine, each on what its record is at that moment.

The store is written first and the attempt's outcome in storage after it: cut off in between, a store that forgets the
part stops at the attempt once more, and nothing is paid for. The same command, given again, writes what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from producers.exit_codes import ExitCode
from worker.actors.attempts import Outcome as AttemptOutcome
from worker.actors.attempts import close_attempt, close_followed
from worker.cli.bulk import Outcome
from worker.cli.lookup import found_upload
from worker.cli.quarantine import recorded_at
from worker.cli.waking import nudge
from worker.core.resolve import GIVEN_UP, Job, Refusal, adopt, give_up, resubmit
from worker.core.states import PartState
from worker.storage import StorageError
from worker.store.errors import Stale, Taken, Unreadable

if TYPE_CHECKING:
    from worker.cli.door import Door
    from worker.cli.remote_jobs import RemoteJobs
    from worker.core.change import Change
    from worker.core.records import PartRecord

#: Times a decision is taken anew while others write the same record.
TRIES_MAX = 20


class Way(StrEnum):
    """How a part leaves quarantine."""

    ADOPT = "adopt"
    RESUBMIT = "resubmit"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person has decided."""

    way: Way
    #: The job to adopt.
    remote_id: str = ""
    #: Whether it is adopted against what the provider says of it.
    unchecked: bool = False


class Resolving:
    """Resolves parts, one after the other."""

    def __init__(self, door: Door, remote_jobs: RemoteJobs, decision: Decision, part: PartRecord) -> None:
        self._store = door.store()
        self._storage = door.storage()
        self._remote_jobs = remote_jobs
        self._decision = decision
        self._part_id = part.part_id
        self._asked_for = part

    def look(self) -> Outcome:
        """What would be done now; an outcome that begins with `would_` takes a yes."""
        part = self._read()
        settled = self._settled(part)
        if settled is not None:
            return settled
        decided = self._decide(part)
        if isinstance(decided, Refusal):
            return self._refused(part, decided)
        return self._outcome(part, f"would_{self._decision.way}", _INTENDED[self._decision.way])

    def carried_out(self, looked: Outcome) -> Outcome:
        """What became of the part for which `look` gave `looked`: nothing is done that it did not show."""
        if looked.outcome.startswith("would_"):
            return self._act()
        return self._finished(self._read(), looked) if looked.code is ExitCode.OK else looked

    def _act(self) -> Outcome:
        """Do it, decided on what the records are now."""
        for _ in range(TRIES_MAX):
            part = self._read()
            settled = self._settled(part)
            if settled is not None:
                return self._finished(part, settled)
            decided = self._decide(part) if part.attempt == self._asked_for.attempt else _MOVED_ON
            if isinstance(decided, Refusal):
                return self._refused(part, decided)
            try:
                self._store.commit(decided)
            except Stale:
                continue
            except Taken as taken:
                return self._refused(part, _taken(taken.remote_id, taken.part_id))
            done = decided.parts[0]
            return self._finished(done, self._outcome(done, _DONE[self._decision.way], _TOLD[self._decision.way]))
        message = f"It was written by others {TRIES_MAX} times meanwhile: try again."
        return self._refused(self._asked_for, Refusal("contended", message))

    def _read(self) -> PartRecord:
        return self._store.part(self._part_id) or self._asked_for

    def _settled(self, part: PartRecord) -> Outcome | None:
        """The outcome for a part about which just this was decided before."""
        if part.undecided or not self._was_decided(part):
            return None
        message = f"This was decided before: it is {part.state} now."
        return self._outcome(part, f"already_{_DONE[self._decision.way]}", message)

    def _was_decided(self, part: PartRecord) -> bool:
        match self._decision.way:
            case Way.ADOPT:
                return part.remote_id == self._decision.remote_id
            case Way.FAIL:
                return part.state is PartState.FAILED and part.reason == GIVEN_UP
            case Way.RESUBMIT:
                told = self._store.timeline(part.upload_id)
                return any(each.get("decision") == "resubmit" and each.get("part") == part.index for each in told)

    def _decide(self, part: PartRecord) -> Change | Refusal:
        now = self._store.now()
        if self._decision.way is Way.FAIL:
            return give_up(part, now)
        upload = found_upload(self._store, part.upload_id)
        recorded = recorded_at(self._store, self._storage, part)
        if self._decision.way is Way.RESUBMIT:
            return resubmit(part, upload, recorded, now)
        remote_id, unchecked = self._decision.remote_id, self._decision.unchecked
        decided = adopt(part, upload, recorded, remote_id, now, job=self._job, unchecked=unchecked)
        return decided if isinstance(decided, Refusal) else self._of_another(part, decided) or decided

    @cached_property
    def _job(self) -> Job:
        """The job that is to be adopted, looked at once."""
        return self._remote_jobs.look(self._asked_for, self._decision.remote_id)

    def _of_another(self, part: PartRecord, change: Change) -> Refusal | None:
        for claim in change.claims:
            owner = self._store.part_of_remote(claim.scope, claim.remote_id)
            if owner not in {None, part.part_id}:
                return _taken(claim.remote_id, str(owner))
            if self._store.was_purged(claim.scope, claim.remote_id):
                return _taken(claim.remote_id, "of an upload that was purged")
        return None

    def _finished(self, part: PartRecord, outcome: Outcome) -> Outcome:
        """Write the attempt's outcome where it is missing, and have its upload looked at."""
        try:
            match self._decision.way:
                case Way.ADOPT if part.attempts:
                    outcome_of_attempt = AttemptOutcome(remote_id=part.remote_id)
                    close_attempt(self._storage, part.token, part.attempts, outcome_of_attempt)
                case Way.RESUBMIT:
                    close_followed(self._storage, part)
        except (StorageError, Unreadable) as error:
            message = f"Its attempt could not be closed in storage: {error} Give the command again for {part.part_id}."
            outcome = replace(outcome, message=f"{outcome.message} {message}", code=ExitCode.FAILED)
        nudge(self._store, part.upload_id)
        return outcome

    def _outcome(self, part: PartRecord, word: str, message: str) -> Outcome:
        told = message.format(part=part, remote_id=self._decision.remote_id)
        return Outcome(part.upload_id, part.state, word, f"Part {part.part_id}: {told}", figures={"part": part.index})

    def _refused(self, part: PartRecord, refusal: Refusal) -> Outcome:
        message = f"Part {part.part_id} stays as it is. {refusal.message}"
        figures = {"part": part.index}
        return Outcome(part.upload_id, part.state, refusal.reason, message, ExitCode.FAILED, figures)


def _taken(remote_id: str, owner: str) -> Refusal:
    return Refusal("taken", f"Job {remote_id} belongs to part {owner}.")


_MOVED_ON = Refusal("moved_on", "Another attempt was made meanwhile: look at it, and decide about that.")
#: What would be done, what was done in a word, and in a sentence.
_INTENDED = {
    Way.ADOPT: "job {remote_id} becomes its job, and {part.rows:,} credits count as spent.",
    Way.RESUBMIT: "it is submitted once more: {part.rows:,} rows are paid for, and may have been before.",
    Way.FAIL: "it fails; its rows come back without verdicts, and what it may have cost is lost.",
}
_DONE = {Way.ADOPT: "adopted", Way.RESUBMIT: "resubmitted", Way.FAIL: "given_up"}
_TOLD = {
    Way.ADOPT: "job {remote_id} is its job now, and is looked at next.",
    Way.RESUBMIT: "it is submitted next; {part.attempts} attempts came before.",
    Way.FAIL: "it has failed; the upload is delivered with what it has.",
}
