"""The scenes of alerts on one series: a gauge that is at a bad value for too long, a counter that has grown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, Kind, Minutes, Scene, lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.alerting.rule import Alert

#: Minutes for which the last value of a series counts when nothing is scraped.
GAP = 5
#: Minutes for which an exporter that is started anew does not answer.
DOWN = 3
#: Minutes in each duration that an alert waits.
PENDING = {"0m": 0, "2m": 2, "5m": 5, "10m": 10, "15m": 15, "30m": 30, "1h": 60}


def gauge(
    alert: Alert,
    series: str,
    *,
    loud: float,
    quiet: float | None,
    value: str,
    labels: Mapping[str, str] | None = None,
    near: float | None = None,
    beside: Mapping[str, float] | None = None,
) -> Iterator[Scene]:
    """An alert on a series that is `loud` instead of `quiet` for as long as the alert waits.

    `near`: a value that is not loud yet; `beside`: what else it takes; `quiet` of `GONE`: the series is not there then.
    """
    wait = PENDING[alert.pending]

    def scene(kind: Kind, *spans: tuple[float | None, int], fires: Minutes = (), silent: Minutes = ()) -> Scene:
        minutes = sum(span[1] for span in spans)
        constant = {name: lasting((level, minutes)) for name, level in (beside or {}).items()}
        told = value if kind is Kind.FIRES else None
        return Scene(alert, kind, {series: lasting(*spans), **constant}, fires, silent, labels, told)

    before = (2 + wait,) if wait else (3,)
    yield scene(Kind.FIRES, (quiet, 4), (loud, wait + 10), fires=(wait + 7,), silent=before)
    if near is not None:
        yield scene(Kind.NEAR_MISS, (near, wait + 30), silent=(5, wait + 5, wait + 29))
    if wait:
        lingers = GAP if quiet is GONE else 0
        yield scene(
            Kind.NEAR_MISS, (loud, wait - 1 - lingers), (quiet, 30), silent=(wait - 1, wait, wait + 1, wait + 20)
        )
    yield scene(Kind.CLEARS, (loud, wait + 5), (quiet, 20), fires=(wait + 3,), silent=(wait + 5 + GAP + 1,))
    yield scene(
        Kind.RESTART,
        *((loud, wait + 10), (GONE, DOWN), (loud, 10)),
        fires=(wait + 8, wait + 10, wait + 12, wait + 13, wait + 20),
    )
    if wait > DOWN + 1:
        yield scene(Kind.RESTART, (loud, 2), (GONE, DOWN), (loud, wait), fires=(wait + 1,), silent=(wait - 1,))
    yield scene(Kind.RESTART, (quiet, 10), (GONE, DOWN), (quiet, wait + 20), silent=(9, 11, 13, wait + 25))
    yield scene(Kind.ABSENT, (loud, wait + 10), (GONE, 30), fires=(wait + 9,), silent=(wait + 10 + GAP + 1, wait + 30))


def counter(
    alert: Alert,
    series: str,
    *,
    labels: Mapping[str, str] | None = None,
    window: int = 60,
    resets: bool,
) -> Iterator[Scene]:
    """An alert on any growth of a counter within `window` minutes. `resets`: begins at zero with all processes."""
    wait = PENDING[alert.pending]

    def scene(kind: Kind, *spans: tuple[float | None, int], fires: Minutes = (), silent: Minutes = ()) -> Scene:
        told = "3" if kind is Kind.FIRES else None
        return Scene(alert, kind, {series: lasting(*spans)}, fires, silent, labels, told)

    yield scene(Kind.FIRES, (0, 5), (3, wait + 10), fires=(wait + 5, wait + 9), silent=(4,))
    yield scene(Kind.NEAR_MISS, (7, window + 30), silent=(1, 10, window + 20))
    yield scene(Kind.CLEARS, (0, 5), (3, window + 20), fires=(window,), silent=(window + 8,))
    yield scene(
        Kind.RESTART, (0, 5), (3, wait + 5), (GONE, DOWN), (3, 10), fires=(wait + 8, wait + 10, wait + 12, wait + 13)
    )
    # Set back to an earlier value, as by a backup, or to none: no event; and what is counted after it is one.
    yield scene(Kind.RESTART, (7, window + 5), (GONE, DOWN), (0 if resets else 5, 20), silent=(window + 9, window + 20))
    after = 0 if resets else 5
    yield scene(Kind.RESTART, (7, 5), (GONE, DOWN), (after, 5), (after + 1, wait + 10), fires=(wait + 14,))
    yield scene(Kind.ABSENT, (0, 5), (3, wait + 10), (GONE, 30), fires=(wait + 12,), silent=(wait + 15 + GAP + 1,))
