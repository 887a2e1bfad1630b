"""What a sweep counts: findings that begin and end, and how long they lasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.core.drift.classes import COUNTED_AT_ONCE

if TYPE_CHECKING:
    from worker.core.drift.evaluate import Merged
    from worker.core.drift.findings import Finding

#: Evidence that tells for how many seconds something has been so.
_SINCE_SECONDS = ("ended_seconds", "unseen_seconds", "still_seconds", "waiting_seconds", "done_seconds")
#: Evidence that tells when it began, epoch seconds.
_SINCE_AT = ("begun_at", "started_at")


def counted(merged: Merged, now: float) -> dict[tuple[str, ...], int]:
    """The outcome counters to raise; times are whole seconds, by class.

    What was counted when it was first seen is not counted again when its finding opens.
    """
    counters: dict[tuple[str, ...], int] = {}

    def count(name: str, finding: Finding, by: int) -> None:
        field = (name, str(finding.drift))
        counters[field] = counters.get(field, 0) + by

    for finding in merged.opened:
        if finding.drift not in COUNTED_AT_ONCE:
            count("drift", finding, 1)
        count("drift_detect_seconds", finding, round(undetected_seconds(finding, now)))
    for finding in merged.closed:
        count("drift_repaired", finding, 1)
        count("drift_repair_seconds", finding, round(max(now - finding.first_seen_at, 0.0)))
    return counters


def undetected_seconds(finding: Finding, now: float) -> float:
    """For how long it had been so when it was believed, as far as its evidence tells; else since it was suspected."""
    known = [now - finding.first_seen_at]
    for name in _SINCE_SECONDS:
        value = finding.evidence.get(name)
        known += [float(value)] if isinstance(value, int | float) else []
    for name in _SINCE_AT:
        value = finding.evidence.get(name)
        known += [now - float(value)] if isinstance(value, int | float) else []
    return max(0.0, *known)
