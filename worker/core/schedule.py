"""When to look at a remote job again: few calls, short lag.

Without any other knowledge the next look is at `age * (1 + epsilon)`: the result is seen at most `epsilon` of the job's
run time (or one floor) after the provider finished, in O(log(run time / floor)) looks. With progress the remaining time
is extrapolated and most of it is waited out, yet never more than the job's age: early progress says little.

Known limitation: a job that speeds up after a look is seen late by at most the wait that was extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Fraction of the extrapolated remaining time to wait before the next look.
REMAINING_FRACTION = 0.9


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """The bounds of the schedule."""

    floor_seconds: float
    cap_seconds: float
    #: Longest lag allowed, as a fraction of the job's run time so far.
    epsilon: float


def next_look_seconds(policy: PollPolicy, *, age_seconds: float, progress: float | None = None) -> float:
    """Seconds until the next look at a job that was submitted `age_seconds` ago and is not finished.

    Always within `[floor, cap]`. With progress p in (0, 1) the job is expected to need age * (1 - p) / p seconds more.
    """
    age_seconds = max(age_seconds, 0.0)
    wait_seconds = age_seconds * policy.epsilon
    if progress is not None and 0.0 < progress < 1.0:
        remaining_seconds = age_seconds * (1.0 - progress) / progress
        wait_seconds = min(remaining_seconds * REMAINING_FRACTION, age_seconds)
    return min(max(wait_seconds, policy.floor_seconds), policy.cap_seconds)


def backoff_seconds(failures: int, *, floor_seconds: float, cap_seconds: float) -> float:
    """Seconds to leave an account or a step alone after `failures` failures in a row: doubling, bounded."""
    return float(min(floor_seconds * 2 ** min(max(failures - 1, 0), 20), cap_seconds))
