"""What a look at a remote job means for its part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.blocked import blocked_seconds, tried
from worker.core.change import Change, Event
from worker.core.drift.classes import DriftClass
from worker.core.durations import measured
from worker.core.part import change, quarantine
from worker.core.schedule import PollPolicy, next_look_seconds
from worker.core.search import disown, still_unseen
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.records import PartRecord
    from worker.core.schedule import Expected

#: Looks in a row in which the provider did not know the job, before that is an alarm.
MISSING_LOOKS_MAX = 10
#: Why a part waits, or is given to a person, whose job the provider does not show.
MISSING_REASON = str(DriftClass.MISSING_REMOTE)
#: A look that only rides along is written when it moves the next one by at least this fraction of the wait.
REACH_FRACTION = 0.5
#: Least growth of the progress fraction that is worth an event to applications.
PROGRESS_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Terms:
    """What besides the job itself decides when it is looked at again; see `next_look_seconds`."""

    expected: Expected | None = None
    price: float = 1.0
    in_flight: int = 0
    #: From when on the wait counts, epoch seconds; `None`: from the look.
    counted_from: float | None = None
    #: Longest wait, seconds; `None`: the schedule's.
    wait_seconds_max: float | None = None

    def next_look_at(self, part: PartRecord, now: float, progress: float | None, policy: PollPolicy) -> float:
        """When to look at a part again that was just looked at."""
        wait_seconds = next_look_seconds(
            policy,
            age_seconds=now - (part.submitted_at or now),
            progress=progress,
            expected=self.expected,
            price=self.price,
            in_flight=self.in_flight,
        )
        if self.wait_seconds_max is not None:
            wait_seconds = max(min(wait_seconds, self.wait_seconds_max), policy.floor_seconds)
        return (now if self.counted_from is None else self.counted_from) + wait_seconds


#: A look at one job, of which nothing else is known.
ALONE = Terms()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at one remote job showed. `status` is a word of `worker.providers.port.RemoteStatus`."""

    status: str
    word: str = ""
    #: Fraction done, 0.0 to 1.0.
    progress: float | None = None
    #: Epoch seconds at which the provider finished, by its own clock.
    ended_at: float | None = None


def observed(part: PartRecord, seen: Seen, now: float, policy: PollPolicy, terms: Terms = ALONE) -> Change:
    """The provider knows the job: it is finished, aborted, or to be looked at again."""
    if seen.status == "finished":
        return _finished(part, seen, now, policy)
    if seen.status == "aborted":
        return _aborted(part, seen, now)
    return _look_again(part, seen, now, terms.next_look_at(part, now, seen.progress, policy))


def rode_along(part: PartRecord, seen: Seen, now: float, policy: PollPolicy, terms: Terms = ALONE) -> Change | None:
    """What a look means for a part that was not due; `None` when it neither shows anything new nor moves the next look.

    A part whose next look is about to come saves it, and one that is looked at more often from now on comes earlier.
    One that was given to a person because its job was not shown, or not done any more, goes on: it is now.
    """
    if part.state is PartState.QUARANTINED and _is_over(part.reason, seen):
        return observed(part, seen, now, policy, terms)
    if part.state is not PartState.SUBMITTED:
        return None
    change = observed(part, seen, now, policy, terms)
    due_at, after = part.due_at or now, change.parts[0]
    if after.due_at is None or after.state is not PartState.SUBMITTED or change.details is not None:
        return change
    return change if abs(after.due_at - due_at) >= REACH_FRACTION * (after.due_at - now) else None


def _is_over(reason: str, seen: Seen) -> bool:
    """Whether what the list shows ends the reason for which a part was given to a person."""
    return reason == MISSING_REASON or (reason == DriftClass.STATUS_REGRESSION and seen.status == "finished")


def _finished(part: PartRecord, seen: Seen, now: float, policy: PollPolicy) -> Change:
    told_at = seen.ended_at if seen.ended_at is not None and part.created_at <= seen.ended_at <= now else None
    done = part.moved(
        PartState.FINISHED,
        now,
        remote_word=seen.word,
        progress=1.0,
        rows_done=part.rows,
        looks=part.looks + 1,
        observed_at=now,
        remote_finished_at=now if told_at is None else told_at,
        finished_at=now,
        reason="",
        message="",
    )
    details = {"word": seen.word, "looks": done.looks}
    return change("finished", done, duration=measured(part, now, told_at, policy.floor_seconds), details=details)


def _aborted(part: PartRecord, seen: Seen, now: float) -> Change:
    message = "The provider gave up on this job; what it charged for it is not known here."
    if part.provisional:
        # It has no values that could tell whether it was the part's.
        return disown(part, now, shared=None)
    failed = part.moved(
        PartState.FAILED,
        now,
        remote_word=seen.word,
        looks=part.looks + 1,
        reason=str(DriftClass.REMOTE_ABORTED),
        message=message,
    )
    return change(
        "aborted",
        failed,
        reason=failed.reason,
        details={"word": seen.word, "message": message},
        counters={("drift", DriftClass.REMOTE_ABORTED): 1},
    )


def _look_again(part: PartRecord, seen: Seen, now: float, due_at: float) -> Change:
    before = part.progress or 0.0
    # In this order a progress that is no number leaves the one before.
    progress = before if seen.progress is None else min(max(before, seen.progress), 1.0)
    again = part.moved(
        PartState.SUBMITTED,
        now,
        due_at=due_at,
        remote_word=seen.word,
        progress=progress if seen.progress is not None or part.progress is not None else None,
        rows_done=int(progress * part.rows),
        looks=part.looks + 1,
        observed_at=now,
        progressed_at=now if progress > before or seen.word != part.remote_word else part.progressed_at,
        reason=str(DriftClass.UNKNOWN_STATUS) if seen.status == "unknown" else "",
        message="",
        tries=0,
    )
    stepped = int(progress / PROGRESS_STEP) > int(before / PROGRESS_STEP)
    changed = stepped or seen.word != part.remote_word or again.reason != part.reason
    return change(
        "look_again",
        again,
        reason=again.reason,
        details={"word": seen.word, "progress": progress} if changed else None,
        events=(_progress_event(again),) if stepped else (),
    )


def _progress_event(part: PartRecord) -> Event:
    details = {"part": part.index, "rows": part.rows, "rows_done": part.rows_done}
    return Event("progress", part.upload_id, details)


def elsewhere(part: PartRecord, now: float) -> Change:
    """The account speaks to another service now, where the part's remote id means nothing: wait, each time longer."""
    message = "The account's base URL was changed after this part was submitted; change it back to collect the result."
    due_at = now + blocked_seconds(part)
    waiting = tried(part).moved(PartState.SUBMITTED, now, due_at=due_at, reason="account_moved", message=message)
    new = part.reason != waiting.reason
    return change("account_moved", waiting, reason=waiting.reason, details={"message": message} if new else None)


def not_seen(part: PartRecord, now: float, policy: PollPolicy, terms: Terms = ALONE) -> Change:
    """The provider's answer does not name the job: unknown, expired, or not visible yet. It was paid for and stays.

    One that was found by its time, and can bring no values that tell whose it is, is a person's matter at last; so is
    one that is not shown for long, and it goes on as soon as the list shows it.
    """
    looks = part.looks + 1
    reason = MISSING_REASON if looks >= MISSING_LOOKS_MAX and part.observed_at is None else part.reason
    if part.provisional and reason == MISSING_REASON and not still_unseen(part, now):
        return disown(part, now, shared=None)
    unseen_seconds = now - (part.observed_at or part.submitted_at or now)
    if unseen_seconds >= policy.missing_seconds and looks >= MISSING_LOOKS_MAX and not part.provisional:
        message = not_shown_message(part, unseen_seconds)
        return quarantine(part.model_copy(update={"looks": looks}), now, MISSING_REASON, message)
    waiting = part.moved(
        PartState.SUBMITTED,
        now,
        due_at=terms.next_look_at(part, now, None, policy),
        looks=looks,
        reason=reason,
        message="The provider does not show this job." if reason == MISSING_REASON else part.message,
    )
    return change("not_seen", waiting, reason=reason, details={} if reason != part.reason else None)


def not_shown_message(part: PartRecord, unseen_seconds: float) -> str:
    """What a person is told of a part whose job is not shown."""
    return f"The provider has accepted job {part.remote_id} and not shown it for {unseen_seconds / 3600:,.0f} h."
