"""When to look at a remote job again: few calls, short lag.

With floor f, cap C and epsilon ε; T is a job's run time, and the lag what passes from its end to the look that sees it.

**Nothing known.** The wait at age a is max(f, εa), at most C. The look that sees the end was planned at an age below T,
so lag ≤ min(max(f, εT), C). The first look is at age f and each further one at least 1 + ε times as late: the n-th is
at f(1 + ε)^(n - 1) or later, and looks ≤ ⌈log₁₊ε(T / f)⌉ + 1 for T ≥ f. From age C / ε on waits are C: of a longer job
only C / ε counts in the logarithm, and the rest adds ⌈(T - C / ε) / C⌉ looks. No schedule with that bound needs fewer
looks: a job may end right after any of them, so that none may wait longer.

**Progress.** Most of the extrapolated remaining time is waited out, never more than the age, and the look is past the
extrapolated end by less than f. A job whose progress is linear is seen within f of its end after about
log₂(T / f) + log₁₀(T / f) looks.

**Expected** from similar jobs. Up to the window in which nearly all of them ended, the wait is until its beginning and
never more than the age: a job that ends earlier than all is seen within twice its run time, lag ≤ max(f, T). In the
window the lag is at most max(f, min(εT, window / `WINDOW_LOOKS`)). After it waits grow with the time since its end, as
far as when nothing is known.

**Price** p, the calls of a look divided by the jobs it serves: a look at half the price is made twice as often, as far
as f allows, so every bound of the lag above, except f itself, is multiplied by p. From `SHARED_PARTS` jobs to a call on
the wait is f, unless progress says that the end is far: then it is at most age / `SHARED_PARTS`.

**In flight** n jobs on all accounts. A look costs this program's own time too, so those at the price of `SHARED_PARTS`
jobs to a call wait `LOOK_SECONDS` n where that is more than f, at most εa: otherwise very many looks would all be late.

Known limitation: a job that speeds up after a look is seen late by at most the wait that was extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Fraction of the extrapolated remaining time to wait before the next look.
REMAINING_FRACTION = 0.9
#: Most looks that are spread over the window in which a job is expected to end.
WINDOW_LOOKS = 160
#: Fewest similar jobs whose durations say when the next one may end.
EXPECTED_SAMPLES_MIN = 10
#: Jobs to one call from which on looking is so cheap that it is done as often as the floor allows.
SHARED_PARTS = 20
#: Seconds between two looks, whatever they are looks at, that this program makes only because they are cheap for the
#: provider: about twice the work that one is (measured by the benchmark `in_flight`).
LOOK_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """The bounds of the schedule."""

    floor_seconds: float
    cap_seconds: float
    #: Longest lag allowed, as a fraction of the job's run time so far.
    epsilon: float
    #: How long a job may not be shown before a person is asked.
    missing_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Expected:
    """How long similar jobs took. Nearly all of them ended between `early_seconds` and `late_seconds`."""

    early_seconds: float
    p50_seconds: float
    p90_seconds: float
    late_seconds: float
    #: How many jobs were measured.
    samples: int


def next_look_seconds(
    policy: PollPolicy,
    *,
    age_seconds: float,
    progress: float | None = None,
    expected: Expected | None = None,
    price: float = 1.0,
    in_flight: int = 0,
) -> float:
    """Seconds until the next look at a job that was submitted `age_seconds` ago and is not finished.

    Always within `[floor, cap]`. With progress p in (0, 1) the job is expected to need age * (1 - p) / p seconds more,
    whatever similar jobs took. `price` is the calls of a look divided by the jobs that it serves, in (0, 1], and
    `in_flight` how many jobs there are to look at in all.
    """
    age_seconds = max(age_seconds, 0.0)
    if progress is not None and 0.0 < progress < 1.0:
        remaining_seconds = age_seconds * (1.0 - progress) / progress
        wait_seconds = min(remaining_seconds * REMAINING_FRACTION, age_seconds) * max(price, 1.0 / SHARED_PARTS)
    elif price * SHARED_PARTS <= 1.0:
        wait_seconds = min(in_flight * LOOK_SECONDS, age_seconds * policy.epsilon)
    elif expected is not None and expected.samples >= EXPECTED_SAMPLES_MIN:
        wait_seconds = _around(expected, age_seconds, policy.epsilon) * price
    else:
        wait_seconds = age_seconds * policy.epsilon * price
    return min(max(wait_seconds, policy.floor_seconds), policy.cap_seconds)


def _around(expected: Expected, age_seconds: float, epsilon: float) -> float:
    """The wait before, within or after the window in which the job is expected to end."""
    if age_seconds < expected.early_seconds:
        return min(expected.early_seconds - age_seconds, age_seconds)
    step_seconds = (expected.late_seconds - expected.early_seconds) / WINDOW_LOOKS
    return min(max(step_seconds, age_seconds - expected.late_seconds), age_seconds * epsilon)


def backoff_seconds(failures: int, *, floor_seconds: float, cap_seconds: float) -> float:
    """Seconds to leave an account or a step alone after `failures` failures in a row: doubling, bounded."""
    return float(min(floor_seconds * 2 ** min(max(failures - 1, 0), 20), cap_seconds))
