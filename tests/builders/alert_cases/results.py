"""Scenes of the alerts on lists: answered, on their way, back in time, and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, MAIN, Kind, Minutes, Scene, Span, lasting, scraped
from tests.builders.alert_cases.shapes import DOWN, GAP, counter, gauge
from worker.alerting import results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.alerting.rule import Alert

_ALL = scraped("completion_lag_seconds_count", **MAIN)
_PROMPT = scraped("completion_lag_seconds_bucket", le="1200.0", **MAIN)
#: A minute of the beginning of time by which 3.5 days of retention have passed, scaled: 100 minutes of retention.
_RETENTION_SECONDS = 6_000.0


def _late(alert: Alert, *, minutes: int, after: int) -> Iterator[Scene]:
    """One result a minute for `minutes`; the alert fires `after` that many of them if half of them are late."""

    def scene(kind: Kind, every: list[Span], prompt: list[Span], fires: Minutes = (), silent: Minutes = ()) -> Scene:
        return Scene(alert, kind, {_ALL: lasting(*every), _PROMPT: lasting(*prompt)}, fires=fires, silent=silent)

    whole: Span = (0, minutes, 1)
    half: Span = (0, minutes, 0.5)
    series = {_ALL: lasting(whole), _PROMPT: lasting(half)}
    yield Scene(alert, Kind.FIRES, series, (after, minutes - 1), (2,), value="50%")
    yield scene(Kind.NEAR_MISS, [whole], [(0, minutes, 0.995)], silent=(after, minutes - 1))
    # Two late ones among few: a single list.
    yield scene(Kind.NEAR_MISS, [(0, 5), (2, minutes)], [(0, minutes + 5)], silent=(8, 12, after, minutes))
    again, more = minutes // 2, minutes // 2
    yield scene(
        Kind.RESTART,
        [(0, again, 1), (GONE, DOWN), (0, more, 1)],
        [(0, again, 0.5), (GONE, DOWN), (0, more, 0.5)],
        fires=(again - 1, again + 1, again + 3, again + more),
    )
    yield scene(
        Kind.RESTART,
        [(0, again, 1), (GONE, DOWN), (0, more, 1)],
        [(0, again, 1), (GONE, DOWN), (0, more, 1)],
        silent=(again - 1, again + 1, again + 3, again + more),
    )


def _late_clears() -> Iterator[Scene]:
    late, slow = results.RESULTS_LATE, results.RESULTS_SLOW
    both = {_ALL: lasting((0, 120, 1)), _PROMPT: lasting((0, 30, 0.5), (15, 90, 1))}
    yield Scene(late, Kind.CLEARS, both, (29,), (75, 119))
    gone = {_ALL: lasting((0, 60, 1), (GONE, 60)), _PROMPT: lasting((0, 60, 0.5), (GONE, 60))}
    yield Scene(late, Kind.ABSENT, gone, (59,), (92, 119))
    both = {_ALL: lasting((0, 1_000, 1)), _PROMPT: lasting((0, 100, 0.5), (50, 900, 1))}
    yield Scene(slow, Kind.CLEARS, both, (99,), (480, 999))
    gone = {_ALL: lasting((0, 100, 1), (GONE, 500)), _PROMPT: lasting((0, 100, 0.5), (GONE, 500))}
    yield Scene(slow, Kind.ABSENT, gone, (99,), (470, 590))


def _stuck() -> Iterator[Scene]:
    """A part is in its state since minute 0; nothing is stuck before six hours and a quarter."""
    alert = results.JOB_STUCK
    hours = 420
    since = scraped("oldest_timestamp_seconds", record="part", state="submitted", **MAIN)
    accounts = {scraped("active_jobs", **MAIN): lasting((1, hours))}
    labels = {"record": "part", "state": "submitted", **MAIN}

    def scene(
        kind: Kind, *spans: Span, more: dict[str, str] | None = None, fires: Minutes = (), silent: Minutes = ()
    ) -> Scene:
        return Scene(
            alert, kind, {since: lasting(*spans), **accounts, **(more or {})}, labels=labels, fires=fires, silent=silent
        )

    texts = {since: lasting((0, hours)), **accounts}
    yield Scene(alert, Kind.FIRES, texts, (380,), (350, 370), labels, "6h 20m 0s")
    upload = scraped("oldest_timestamp_seconds", record="upload", state="delivering", **MAIN)
    of_upload = {"record": "upload", "state": "delivering", **MAIN}
    yield Scene(alert, Kind.FIRES, {upload: lasting((0, hours)), **accounts}, (380, 410), (370,), of_upload)
    # 99% of the jobs of this account take up to eight hours: nothing is stuck before a day.
    usual = {
        scraped("stage_duration_seconds_bucket", kind="email", stage="remote", le=le, **MAIN): lasting((0, hours, step))
        for le, step in (("14400.0", 0.0), ("28800.0", 1.0), ("+Inf", 1.0))
    }
    yield scene(Kind.NEAR_MISS, (0, hours), more=usual, silent=(380, 410))
    held = scraped("oldest_timestamp_seconds", record="part", state="held", **MAIN)
    yield Scene(alert, Kind.NEAR_MISS, {held: lasting((0, hours)), **accounts}, (), (380, 410), labels)
    yield scene(Kind.CLEARS, (0, 390), (23_000, 30), fires=(385,), silent=(391, 410))
    yield scene(Kind.CLEARS, (0, 390), (GONE, 30), fires=(385,), silent=(390 + GAP + 1,))
    yield scene(Kind.RESTART, (0, 365), (GONE, DOWN), (0, 52), fires=(377, 400), silent=(370,))
    yield scene(Kind.RESTART, (0, 385), (GONE, DOWN), (0, 32), fires=(384, 386, 388, 400))
    yield Scene(alert, Kind.ABSENT, accounts, (), (380, 410), labels)


def _at_risk() -> Iterator[Scene]:
    """A provider that keeps results for 100 minutes, and one that was finished at minute 0."""
    alert = results.RESULT_AT_RISK
    since = scraped("uncollected_oldest_timestamp_seconds", **MAIN)
    retention = {scraped("result_retention_seconds", **MAIN): lasting((_RETENTION_SECONDS, 100))}

    def scene(kind: Kind, *spans: Span, fires: Minutes = (), silent: Minutes = ()) -> Scene:
        return Scene(alert, kind, {since: lasting(*spans), **retention}, fires=fires, silent=silent)

    yield Scene(alert, Kind.FIRES, {since: lasting((0, 90)), **retention}, (70,), (49, 58), value="1h 10m 0s")
    yield scene(Kind.NEAR_MISS, (0, 45), (2_000, 45), silent=(49, 60, 75))
    yield Scene(alert, Kind.NEAR_MISS, {since: lasting((0, 90))}, (), (70, 89))
    yield scene(Kind.CLEARS, (0, 70), (GONE, 20), fires=(68,), silent=(76, 85))
    yield scene(Kind.RESTART, (0, 55), (GONE, DOWN), (0, 32), fires=(63, 80), silent=(59,))
    yield scene(Kind.RESTART, (0, 70), (GONE, DOWN), (0, 17), fires=(69, 71, 73, 80))
    yield Scene(alert, Kind.ABSENT, retention, (), (60, 90))


def _requests_wait() -> Iterator[Scene]:
    """A request was added at minute 0."""
    alert = results.REQUESTS_WAIT
    since, paused = scraped("intake_oldest_timestamp_seconds"), scraped("intake_paused")

    def scene(kind: Kind, *spans: Span, is_paused: float = 0, fires: Minutes = (), silent: Minutes = ()) -> Scene:
        return Scene(
            alert,
            kind,
            {since: lasting(*spans), paused: lasting((is_paused, 60))},
            labels={},
            fires=fires,
            silent=silent,
        )

    texts = {since: lasting((0, 40)), paused: lasting((0, 40))}
    yield Scene(alert, Kind.FIRES, texts, (30,), (9, 19), {}, "30m 0s")
    yield scene(Kind.NEAR_MISS, (0, 10), (GONE, 40), silent=(12, 15, 20, 30))
    yield scene(Kind.NEAR_MISS, (0, 60), is_paused=1, silent=(30, 50))
    yield scene(Kind.CLEARS, (0, 30), (1_750, 8), (GONE, 20), fires=(25,), silent=(31, 50))
    yield scene(Kind.RESTART, (0, 15), (GONE, DOWN), (0, 40), fires=(22, 40), silent=(18,))
    yield scene(Kind.RESTART, (0, 30), (GONE, DOWN), (0, 20), fires=(29, 31, 33, 45))
    yield Scene(alert, Kind.ABSENT, {paused: lasting((0, 60))}, (), (30, 50), {})


def _scenes() -> Iterator[Scene]:
    yield from _late(results.RESULTS_LATE, minutes=60, after=15)
    yield from _late(results.RESULTS_SLOW, minutes=400, after=70)
    yield from _late_clears()
    yield from _stuck()
    yield from _at_risk()
    rows = {"provider": "ipqs", "kind": "email"}
    yield from counter(
        results.ROWS_MISSING, scraped("rows_total", disposition="missing", **rows), labels=rows, resets=False
    )
    matched = {scraped("rows_total", disposition="matched", **rows): lasting((0, 30, 100))}
    yield Scene(results.ROWS_MISSING, Kind.NEAR_MISS, matched, (), (20,), rows)
    yield from _requests_wait()
    yield from gauge(results.INTAKE_PAUSED, scraped("intake_paused"), loud=1, quiet=0, near=0, value="1", labels={})


SCENES = tuple(_scenes())
