"""Search before spend: what walks over the remote list mean for an attempt of unknown outcome.

The job is adopted where it is found: for certain by the token in its name; where names are not shown by its time, until
its values say whether it is the part's. Otherwise it is waited for, until two complete walks that should have shown it
have not, while each showed another job of ours: then there is none, and only then may another attempt follow. Where
even that cannot be known, the part is a person's to decide.

Known limitation: a job that a provider hides for longer than the settle time, or that a request still makes which left
its process frozen for longer than all of this, is a second charge. It is found by its token and counted as wasted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from worker.core import part as parts
from worker.core.drift.classes import DriftClass
from worker.core.states import PartState
from worker.core.values import Absence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.core.change import Change
    from worker.core.records import PartRecord
    from worker.core.values import Attempt

#: Complete walks that must not have shown the job before it is taken to be absent.
ABSENCES_NEEDED = 2
#: Longest wait between two walks, seconds.
WAIT_SECONDS_MAX = 300.0
#: Part of the attempt's age that is waited between two walks before the settle time is over.
WAIT_FRACTION = 0.5
#: Part of the settle time between the walks that prove an absence, at most `GAP_SECONDS_MAX`.
GAP_FRACTION = 0.1
GAP_SECONDS_MAX = 60.0
#: Parts of one value set that another must share to be taken for the same list, changed on its way.
SHARED_DOUBTFUL = 0.5

#: What a part without a remote job has in place of what is known of one.
NOBODYS: Mapping[str, object] = {
    "remote_id": None,
    "provisional": False,
    "remote_word": "",
    "progress": None,
    "rows_done": 0,
    "looks": 0,
    "observed_at": None,
    "remote_finished_at": None,
    "finished_at": None,
    "result_ends_at": None,
}

#: Seconds after its submit within which a job that the list shows answers to its id at last.
ANSWERS_WITHIN_SECONDS = 3_600.0

#: Why a part waits whose attempt has no known outcome.
UNRESOLVED_REASON = str(DriftClass.UNRESOLVED_ATTEMPT)
#: How a remote id was learned that was found by the time of its job alone.
BY_TIME = "time"


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How long to search, in seconds; see the settings of the same names."""

    settle_seconds: float
    settle_unnamed_seconds: float
    clock_skew_seconds: float
    search_seconds_max: float
    floor_seconds: float


@dataclass(frozen=True, slots=True)
class Unproven:
    """A listed job that carries no token and is not known for certain to belong to any part."""

    remote_id: str
    kind: str | None
    rows: int | None
    #: Epoch seconds by the provider's clock.
    started_at: float | None
    #: The part that was only taken to have it, because of its time.
    taken_by: str | None = None


@dataclass(frozen=True, slots=True)
class Walked:
    """What one walk over an account's remote list showed, besides the jobs that were recognised."""

    began_at: float
    #: Whether every page was read, unfiltered, and none of them shifted unseen.
    complete: bool
    jobs: int
    #: A job of ours that the walk showed, by kind; and one that it showed with its token.
    controls: Mapping[str, str]
    named_controls: Mapping[str, str]
    unproven: tuple[Unproven, ...]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What else the decision rests on."""

    #: Whether the list is known to show the names that were given.
    named: bool
    #: Whether a person is to be asked before anything is submitted again.
    ask: bool
    #: Whether the process that made the attempt may still be sending it.
    alive: bool


def unresolved(
    part: PartRecord, now: float, reason: str, message: str, *, look_at: float, remote_id: str | None = None
) -> Change:
    """The attempt has no known outcome: it stays open, and its job is searched for from `look_at` on.

    `remote_id` is one that an answer named without saying that it is the part's: kept as evidence.
    """
    open_still = part.moved(
        PartState.INTENT,
        now,
        due_at=look_at,
        reason=reason,
        message=message,
        evidence=part.evidence if remote_id is None else parts.known_too(part, remote_id, "unclear_answer", now),
    )
    attempt = part.attempt.object if part.attempt else None
    details = {"message": message, "attempt": attempt, "remote_id": remote_id, "until": look_at}
    return parts.change("unresolved", open_still, reason=reason, details=details)


def judge(part: PartRecord, walked: Walked, rules: SearchRules, grounds: Grounds, now: float) -> Change:
    """What a walk means for a part in `intent` whose job it has not shown by a token."""
    attempt = _open(part)
    unproven = () if grounds.named else _possible(part, attempt, walked, rules)
    found = next((job for job in unproven if _adoptable(part, job)), None)
    if found is not None:
        return _found_by_time(part, attempt, found.remote_id, now)
    if grounds.alive:
        return _held_still(part, attempt, rules, now, named=grounds.named)
    settled_at = settled(attempt, rules, named=grounds.named)
    if walked.complete and walked.began_at >= settled_at:
        waits_until = settled_at + rules.search_seconds_max
        return _in_the_way(part, unproven, now, waits_until) or _not_shown(part, walked, rules, grounds, now)
    if now > settled_at + rules.search_seconds_max:
        message = "Its job was searched for, and the remote list could not be read whole for too long."
        return parts.quarantine(part, now, "search_inconclusive", message)
    return look_again(part, now, rules, named=grounds.named)


def _held_still(part: PartRecord, attempt: Attempt, rules: SearchRules, now: float, *, named: bool) -> Change:
    """The process that made the attempt may still be sending it: its time to settle begins anew when that has ended."""
    if now > part.since + rules.settle_seconds + rules.search_seconds_max:
        message = "The process that made the attempt still holds it and does not end: stop that process."
        return parts.quarantine(part, now, "search_inconclusive", message)
    lasting = attempt.model_copy(update={"over_at": max(attempt.over_at, now)})
    return look_again(part.model_copy(update={"attempt": lasting, "absences": ()}), now, rules, named=named)


def settled(attempt: Attempt, rules: SearchRules, *, named: bool) -> float:
    """From when on a walk would show the attempt's job if there was one, epoch seconds."""
    return attempt.over_at + (
        rules.settle_seconds if named else max(rules.settle_seconds, rules.settle_unnamed_seconds)
    )


def look_again(part: PartRecord, now: float, rules: SearchRules, *, named: bool, not_before: float = 0.0) -> Change:
    """Nothing is known yet: the list is walked again, the later the longer it has lasted."""
    attempt = _open(part)
    settled_at = settled(attempt, rules, named=named)
    wait_seconds = min(max((now - attempt.at) * WAIT_FRACTION, rules.floor_seconds), WAIT_SECONDS_MAX)
    due_at = now + wait_seconds
    if now < settled_at < due_at:
        due_at = max(settled_at, now + rules.floor_seconds)
    # A worker that died has not said why its attempt is open.
    reason = part.reason or UNRESOLVED_REASON
    again = part.moved(PartState.INTENT, now, due_at=max(due_at, not_before), searches=part.searches + 1, reason=reason)
    first = part.searches == 0
    return parts.change("search_again", again, reason=reason, details={"until": due_at} if first else None)


def wait_for_walk(part: PartRecord, now: float, rules: SearchRules) -> Change:
    """Another walk over the same list has just begun: what it shows is waited for."""
    return parts.change(
        "search_again", part.moved(PartState.INTENT, now, due_at=now + rules.floor_seconds), details=None
    )


def _open(part: PartRecord) -> Attempt:
    if part.attempt is None:
        raise ValueError(f"{part.part_id} has no open attempt")
    return part.attempt


def _possible(part: PartRecord, attempt: Attempt, walked: Walked, rules: SearchRules) -> tuple[Unproven, ...]:
    """The jobs that may be the attempt's, likeliest first. A count only ranks: providers drop and merge rows."""
    hinted = {known.remote_id for known in part.evidence}

    def doubts(job: Unproven) -> tuple[bool, bool, float]:
        apart = abs(job.started_at - attempt.at) if job.started_at is not None else 0.0
        return job.remote_id not in hinted, job.rows != part.rows, apart

    return tuple(sorted((job for job in walked.unproven if is_possible(part, job, rules)), key=doubts))


def is_possible(part: PartRecord, job: Unproven, rules: SearchRules) -> bool:
    """Whether a job without our token may be the part's: of its kind, begun near its attempt, and never found wrong."""
    attempt = part.attempt
    if job.kind not in {None, part.kind} or job.remote_id in part.excluded:
        return False
    if attempt is None or job.started_at is None:
        return True
    latest = settled(attempt, rules, named=False) + rules.clock_skew_seconds
    return attempt.at - rules.clock_skew_seconds <= job.started_at <= latest


def _adoptable(part: PartRecord, job: Unproven) -> bool:
    """Whether the job may be taken to be the part's: nobody has it, and it is no older than the first attempt."""
    newer = bool(part.watermark) and job.remote_id.isdecimal() and int(job.remote_id) > (part.watermark or 0)
    return job.taken_by is None and (job.started_at is not None or newer)


def _in_the_way(part: PartRecord, unproven: tuple[Unproven, ...], now: float, waits_until: float) -> Change | None:
    """Jobs that may be the attempt's and cannot be told from it: nothing may follow while they are there.

    One that another part has for now is waited for, since its values will tell whose it is, but not for ever.
    """
    if not unproven:
        return None
    if now <= waits_until and any(job.taken_by is not None for job in unproven):
        later = part.moved(PartState.INTENT, now, due_at=now + GAP_SECONDS_MAX, searches=part.searches + 1)
        return parts.change("search_again", later, reason=part.reason, details=None)
    message = f"The remote list shows {len(unproven)} jobs that nothing tells apart, any of which may be its own."
    return parts.quarantine(part, now, "unclaimed_jobs", message)


def _found_by_time(part: PartRecord, attempt: Attempt, remote_id: str, now: float) -> Change:
    """The job is taken to be the part's until its values are known; its credits stay reserved, its attempt open."""
    taken = part.moved(
        PartState.SUBMITTED,
        now,
        remote_id=remote_id,
        evidence=parts.known_too(part, remote_id, BY_TIME, now),
        provisional=True,
        searches=0,
        absences=(),
        submitted_at=attempt.at,
        progressed_at=now,
        reason="",
        message="",
    )
    return parts.change(
        "adopt_by_time",
        taken,
        claims=(parts.claim_of(part, remote_id),),
        details={"remote_id": remote_id, "rows": part.rows},
        counters={("parts", "adopted"): 1},
    )


def _not_shown(part: PartRecord, walked: Walked, rules: SearchRules, grounds: Grounds, now: float) -> Change:
    """A complete walk that should have shown the job has not."""
    if part.absences and walked.began_at < part.absences[-1].began_at + rules.floor_seconds:
        return look_again(part, now, rules, named=grounds.named)
    # Where the token alone would tell the job, a list that shows ours without theirs proves nothing.
    controls = walked.named_controls if grounds.named else walked.controls
    found = Absence(began_at=walked.began_at, jobs=walked.jobs, control=controls.get(part.kind, ""))
    part = part.model_copy(update={"absences": (*part.absences, found)[-2 * ABSENCES_NEEDED :]})
    shown = sum(bool(absence.control) for absence in part.absences)
    if shown >= ABSENCES_NEEDED:
        return _asked(part, now) if grounds.ask else _absent(part, _open(part), now)
    if len(part.absences) - shown >= ABSENCES_NEEDED:
        message = (
            "The remote list does not show its job, nor any other job of this account and kind that is known here"
            f"{' by the name it was given' if grounds.named else ''}, so that it proves nothing."
        )
        return parts.quarantine(part, now, "no_control", message)
    gap_seconds = max(min(GAP_FRACTION * rules.settle_seconds, GAP_SECONDS_MAX), rules.floor_seconds)
    again = part.moved(PartState.INTENT, now, due_at=now + gap_seconds, searches=part.searches + 1)
    details = {"jobs": walked.jobs, "control": found.control, "until": again.due_at}
    return parts.change("not_in_list", again, reason=part.reason, details=details)


def _asked(part: PartRecord, now: float) -> Change:
    message = (
        f"{ABSENCES_NEEDED} complete walks over the remote list did not show its job; the account asks for a person's "
        "word before it is submitted again."
    )
    return parts.quarantine(part, now, "absent", message)


def _absent(part: PartRecord, attempt: Attempt, now: float) -> Change:
    """There is no such job: the attempt is closed as not spent, and the part may be submitted again."""
    free = part.moved(
        PartState.PENDING,
        now,
        attempt=None,
        attempts=max(part.attempts, attempt.number),
        searches=0,
        absences=(),
        credits_reserved=0,
        reason="",
        message="",
    )
    walks = ", ".join(f"{absence.jobs} jobs, {absence.control} among them" for absence in part.absences)
    details = {"attempt": attempt.object, "walks": walks}
    return parts.change("absent", free, ledger=parts.released(part), details=details)


def still_unseen(part: PartRecord, now: float) -> bool:
    """Whether a job that was found by its time may just not answer to its id yet, so that its values are waited for."""
    return part.submitted_at is not None and now < part.submitted_at + ANSWERS_WITHIN_SECONDS


def disown(part: PartRecord, now: float, *, shared: float | None) -> Change:
    """The job that was found by its time holds other values: it is not the part's, and the attempt is open again.

    `shared` is the fraction of values that both have, `None` when the job's are not to be had. Where that is unknown or
    much, nobody but a person can tell a stranger's list from the part's own with rows that the provider changed.
    """
    remote_id = part.remote_id or ""
    known = "its values cannot be had" if shared is None else f"{shared:.0%} of its values are the part's"
    message = f"Job {remote_id} was found by its time, and {known}."
    if shared is None or shared >= SHARED_DOUBTFUL:
        stopped = parts.quarantine(part.model_copy(update=NOBODYS), now, "adoption_doubtful", message)
        return replace(stopped, disclaims=(parts.claim_of(part, remote_id),))
    return _reopened(part, now, message, shared=shared)


def displaced(part: PartRecord, now: float) -> Change:
    """The job that was found by its time is for certain another part's: the attempt is open again."""
    return _reopened(part, now, f"Job {part.remote_id} was found by its time, and is another part's.")


def _reopened(part: PartRecord, now: float, message: str, *, shared: float | None = None) -> Change:
    remote_id = part.remote_id or ""
    excluded = (*part.excluded, remote_id)
    reopened = part.moved(PartState.INTENT, now, excluded=excluded, reason=UNRESOLVED_REASON, message=message)
    return parts.change(
        "disown",
        reopened.model_copy(update=NOBODYS),
        reason=reopened.reason,
        disclaims=(parts.claim_of(part, remote_id),),
        details={"remote_id": remote_id, "shared": shared, "message": message},
    )
