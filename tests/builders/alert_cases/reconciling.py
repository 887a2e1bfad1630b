"""Scenes of the alerts on differences between here and the providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, MAIN, Kind, Minutes, Scene, lasting, scraped
from tests.builders.alert_cases.shapes import DOWN, counter, gauge
from worker.alerting import reconciling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.alerting.rule import Alert


def _drift(alert: Alert, found: str) -> Iterator[Scene]:
    """An open finding of a class, and beside it one of a class that is nobody's business."""
    labels = {"class": found, **MAIN}
    info = {scraped("drift_open_findings", **{"class": "foreign_remote"}, **MAIN): 9.0}
    yield from gauge(
        alert, scraped("drift_open_findings", **labels), loud=2, quiet=0, value="2", labels=labels, beside=info
    )


def _told(alert: Alert, found: str) -> Iterator[Scene]:
    """A class of which each finding is a fact that nothing changes: it counts while it is new."""
    labels = {"class": found}
    yield from counter(alert, scraped("drift_detected_total", **labels), labels=labels, resets=False)
    for_ever = {scraped("drift_open_findings", **labels, **MAIN): lasting((2, 90))}
    yield Scene(alert, Kind.NEAR_MISS, for_ever, (), (30, 89))


def _stale() -> Iterator[Scene]:
    """A period of 15 minutes; minute 0 is the beginning of time."""
    alert = reconciling.RECONCILE_STALE
    last = scraped("reconcile_last_complete_timestamp_seconds", **MAIN)
    period = scraped("reconcile_period_seconds")

    def scene(kind: Kind, swept: str, value: str | None = None, fires: Minutes = (), silent: Minutes = ()) -> Scene:
        minutes = len(swept.split())
        return Scene(
            alert, kind, {last: swept, period: lasting((900, minutes))}, value=value, fires=fires, silent=silent
        )

    # Each sweep sets the time of its beginning: at minutes 0, 15, 30 and so on.
    sweeps = [(900.0 * sweep, 15) for sweep in range(6)]
    yield scene(Kind.FIRES, lasting(*sweeps[:2], (900, 75)), fires=(62, 80), silent=(40, 58), value="")
    yield scene(Kind.FIRES, lasting((0, 70)), fires=(50,), silent=(44,), value="")
    yield scene(Kind.NEAR_MISS, lasting(*sweeps), silent=(20, 50, 89))
    yield scene(Kind.NEAR_MISS, lasting(*sweeps[:2], (900, 25), (3_300, 30)), silent=(50, 55, 60, 80))
    yield scene(Kind.CLEARS, lasting((0, 60), (3_600, 20)), fires=(55,), silent=(61, 75))
    yield scene(Kind.RESTART, lasting((0, 60), (GONE, DOWN), (0, 20)), fires=(55, 61, 63, 80))
    yield scene(Kind.RESTART, lasting(*sweeps[:2], (GONE, DOWN), (1_800, 30)), silent=(31, 34, 60))
    yield scene(Kind.ABSENT, lasting((0, 60), (GONE, 30)), fires=(55,), silent=(67, 85))


def _scenes() -> Iterator[Scene]:
    mismatch = scraped("reconcile_account_mismatch", **MAIN)
    yield from gauge(reconciling.ACCOUNT_MISMATCH, mismatch, loud=1, quiet=0, near=0, value="1")
    for found in ("identity_collision", "result_expired", "missing_artifact", "ledger_drift"):
        yield from _drift(reconciling.DRIFT_SEVERE, found)
    yield from _told(reconciling.DRIFT_SEVERE, "row_mismatch")
    for found in ("missing_remote", "orphan_remote", "uncollected_result", "reservation_leak"):
        yield from _drift(reconciling.DRIFT_GROWING, found)
    for found in ("hollow_success", "result_changed", "schema_drift"):
        yield from _told(reconciling.ODD_RESULTS, found)
    yield from _stale()
    quarantined = scraped("parts", kind="email", state="quarantined", **MAIN)
    others = {scraped("parts", kind="email", state="held", **MAIN): 5.0}
    yield from gauge(
        *(reconciling.AMBIGUOUS_UPLOADS, quarantined),
        loud=2,
        quiet=0,
        value="2",
        labels={"kind": "email", **MAIN},
        beside=others,
    )


SCENES = tuple(_scenes())
