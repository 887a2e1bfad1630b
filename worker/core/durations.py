"""How long remote jobs take: which are alike, what one job's end says, and what to expect of the next one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from worker.core.change import Duration
from worker.core.schedule import Expected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from worker.core.records import PartRecord

#: Durations that are kept of similar jobs, the latest ones.
DURATIONS_MAX = 50
#: Jobs are alike when the same power of this is the largest that their rows reach.
BUCKET_FACTOR = 4
#: The last bucket, which takes all that is larger.
BUCKET_MAX = 15
#: Largest part of a job's age at which its end may have been overlooked, for the job to be measured.
UNSEEN_FRACTION_MAX = 0.6
#: How far the window of expected ends reaches beyond what was measured, in mean distances between two durations.
MARGIN_DISTANCES = 2.0


class Alike(NamedTuple):
    """What jobs of one account have in common that take about as long."""

    kind: str
    bucket: int

    @property
    def rows(self) -> tuple[int, int | None]:
        """The fewest and the most rows of such a job; `None` where there is no limit."""
        fewest = BUCKET_FACTOR**self.bucket
        return fewest, None if self.bucket == BUCKET_MAX else fewest * BUCKET_FACTOR - 1


def all_alike(kinds: Iterable[str]) -> list[Alike]:
    """Every likeness that jobs of these kinds may have."""
    return [Alike(kind, bucket) for kind in kinds for bucket in range(BUCKET_MAX + 1)]


def alike(kind: str, rows: int) -> Alike:
    """Which jobs a job of so many rows is like."""
    bucket = 0
    while bucket < BUCKET_MAX and rows >= BUCKET_FACTOR ** (bucket + 1):
        bucket += 1
    return Alike(kind, bucket)


def measured(part: PartRecord, now: float, ended_at: float | None, floor_seconds: float) -> Duration | None:
    """What the end of a part's job tells of how long such jobs take; `None` where that is not known well enough.

    Where the provider does not say when the job ended (`ended_at`), that was at some time since the last look; the
    middle is taken. A job that was not seen for most of its age, or that was found otherwise than by the answer to its
    submit, measures nothing.
    """
    if part.submitted_at is None or part.provisional or not part.evidence or part.evidence[-1].how != "answer":
        return None
    if ended_at is None:
        seen_at = part.observed_at or part.submitted_at
        if now - seen_at > max(UNSEEN_FRACTION_MAX * (now - part.submitted_at), 2.0 * floor_seconds):
            return None
        ended_at = (seen_at + now) / 2.0
    like = alike(part.kind, part.rows)
    return Duration(like.kind, like.bucket, max(ended_at - part.submitted_at, 0.0))


def expected_of(durations: Sequence[float]) -> Expected | None:
    """What jobs that took these seconds say of the next one; `None` where there are none.

    Of n jobs that took between a and b, one more takes less than a, or more than b, with a probability of 2 / (n + 1):
    the window reaches a little farther to both sides.
    """
    if not durations:
        return None
    ordered = sorted(durations)
    margin = MARGIN_DISTANCES * (ordered[-1] - ordered[0]) / max(len(ordered) - 1, 1)
    return Expected(
        early_seconds=max(ordered[0] - margin, 0.0),
        p50_seconds=_quantile(ordered, 0.5),
        p90_seconds=_quantile(ordered, 0.9),
        late_seconds=ordered[-1] + margin,
        samples=len(ordered),
    )


def _quantile(ordered: Sequence[float], fraction: float) -> float:
    return ordered[max(math.ceil(fraction * len(ordered)) - 1, 0)]
