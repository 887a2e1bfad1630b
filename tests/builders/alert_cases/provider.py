"""Scenes of the alerts on providers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, MAIN, Kind, Minutes, Scene, Span, lasting, scraped
from tests.builders.alert_cases.shapes import DOWN, GAP, counter, gauge
from worker.alerting import provider

if TYPE_CHECKING:
    from collections.abc import Iterator

_GOOD = scraped("http_requests_total", operation="list", code_class="2xx", **MAIN)
_BAD = scraped("http_requests_total", operation="list", code_class="5xx", **MAIN)
_SOFT = scraped("provider_soft_errors_total", operation="list", reason="success_false", **MAIN)
_NEVER = scraped("account_paused", what="calls", reason="", **MAIN)
_THROTTLED = scraped("account_paused", what="calls", reason="throttled", **MAIN)
_REJECTED = scraped("account_paused", what="calls", reason="credentials_rejected", **MAIN)


def _credentials() -> Iterator[Scene]:
    """A pause is followed by a probe, and that by the next pause."""
    alert = provider.CREDENTIALS_REJECTED
    pauses: tuple[Span, ...] = ((1, 4), (GONE, 1))
    yield Scene(alert, Kind.FIRES, {_REJECTED: lasting(*pauses * 6)}, (16, 29), (8,), value="1")
    yield Scene(alert, Kind.NEAR_MISS, {_REJECTED: lasting((1, 4), (GONE, 30))}, (), (5, 9, 10, 20))
    yield Scene(alert, Kind.CLEARS, {_REJECTED: lasting((1, 20), (GONE, 20))}, (15,), (20 + GAP + 1,))
    yield Scene(alert, Kind.RESTART, {_REJECTED: lasting((1, 20), (GONE, DOWN), (1, 20))}, (15, 21, 23, 40))
    yield Scene(alert, Kind.ABSENT, {_NEVER: lasting((0, 60))}, (), (30, 59))


def _errors() -> Iterator[Scene]:
    """Ten calls a minute."""
    alert = provider.PROVIDER_ERRORS

    def scene(kind: Kind, good: str, bad: str, fires: Minutes = (), silent: Minutes = ()) -> Scene:
        return Scene(alert, kind, {_GOOD: good, _BAD: bad}, fires=fires, silent=silent)

    half, whole = lasting((0, 60, 5)), lasting((0, 60, 10))
    yield Scene(alert, Kind.FIRES, {_GOOD: half, _BAD: half}, (20, 55), (4,), value="50%")
    yield Scene(alert, Kind.FIRES, {_GOOD: whole, _SOFT: half}, (20, 55), (4,), value="50%")
    yield scene(Kind.NEAR_MISS, whole, lasting((0, 60, 1)), silent=(20, 55))
    # An idle account: a call each quarter of an hour, of which one fails.
    seldom = [(float(call), 15) for call in range(4)]
    yield scene(Kind.NEAR_MISS, lasting(*seldom), lasting((0, 20), (1, 40)), silent=(25, 40, 55))
    yield scene(Kind.CLEARS, lasting((0, 90, 10)), lasting((0, 40, 5), (200, 50)), fires=(35,), silent=(60, 80))
    good = lasting((0, 30, 5), (GONE, DOWN), (0, 60, 10))
    yield scene(Kind.RESTART, good, lasting((0, 30, 5), (GONE, DOWN), (0, 60, 5)), fires=(29, 31, 33, 45))
    yield scene(
        Kind.RESTART, lasting((0, 30, 10), (GONE, DOWN), (0, 30, 10)), lasting((0, 60)), silent=(29, 31, 34, 50)
    )
    yield scene(
        *(Kind.ABSENT, lasting((0, 30, 5), (GONE, 60)), lasting((0, 30, 5), (GONE, 60))), fires=(29,), silent=(46, 80)
    )


def _throttled() -> Iterator[Scene]:
    """The account's other series is there all the time."""
    alert = provider.PROVIDER_THROTTLED

    def scene(kind: Kind, *spans: Span, fires: Minutes = (), silent: Minutes = ()) -> Scene:
        minutes = sum(span[1] for span in spans)
        value = "100%" if kind is Kind.FIRES else None
        series = {_NEVER: lasting((0, minutes)), _THROTTLED: lasting(*spans)}
        return Scene(alert, kind, series, fires, silent, value=value)

    yield scene(Kind.FIRES, (GONE, 10), (1, 40), fires=(40,), silent=(9, 18))
    often: tuple[Span, ...] = ((1, 1), (GONE, 5))
    yield scene(Kind.NEAR_MISS, (GONE, 20), *often * 6, silent=(19, 30, 40, 55))
    yield scene(Kind.CLEARS, (1, 30), (GONE, 30), fires=(25,), silent=(45, 59))
    gap = {series: lasting((1, 30), (GONE, DOWN), (1, 20)) for series in (_THROTTLED,)}
    yield Scene(alert, Kind.RESTART, {_NEVER: lasting((0, 30), (GONE, DOWN), (0, 20)), **gap}, (29, 31, 33, 45))
    yield Scene(alert, Kind.ABSENT, {_THROTTLED: lasting((1, 30), (GONE, 40))}, (29,), (46, 60))


def _scenes() -> Iterator[Scene]:
    yield from _credentials()
    yield from _errors()
    yield from _throttled()
    words = scraped("unknown_words_total", operation="status", **MAIN)
    yield from counter(provider.UNKNOWN_STATUS, words, window=15, resets=True)
    shown = scraped("drift_open_findings", **{"class": "unknown_status"}, **MAIN)
    yield from gauge(provider.UNKNOWN_STATUS, shown, loud=1, quiet=0, value="1")


SCENES = tuple(_scenes())
