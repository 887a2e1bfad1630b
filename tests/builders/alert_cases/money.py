"""Scenes of the alerts on credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.builders.alert_cases.scene import GONE, MAIN, Kind, Minutes, Scene, lasting, scraped
from tests.builders.alert_cases.shapes import DOWN, counter, gauge
from worker.alerting import money

if TYPE_CHECKING:
    from collections.abc import Iterator

_BALANCE = scraped("credits_balance", **MAIN)
_COMMITTED = scraped("ledger_credits_total", entry="committed", **MAIN)


def _credits_low() -> Iterator[Scene]:
    """Ten credits are spent a minute: 1,200 in two hours."""
    alert = money.CREDITS_LOW
    hours = 120
    spent = (0.0, hours, 10.0)

    def scene(
        kind: Kind, balance: str, committed: str = lasting(spent), fires: Minutes = (), silent: Minutes = ()
    ) -> Scene:
        return Scene(alert, kind, {_BALANCE: balance, _COMMITTED: committed}, fires=fires, silent=silent)

    yield scene(Kind.FIRES, lasting((500, hours)), fires=(90, 118), silent=(20, 50))
    yield scene(Kind.NEAR_MISS, lasting((1_300, hours)), silent=(60, 118))
    yield scene(Kind.CLEARS, lasting((500, 90), (50_000, 30)), fires=(85,), silent=(91, 110))
    paused = lasting((500, 85), (GONE, DOWN), (500, 20))
    ledger = lasting((0, 85, 10), (GONE, DOWN), (850, 20, 10))
    yield scene(Kind.RESTART, paused, ledger, fires=(84, 86, 88, 95))
    # Redis was lost and is made again: what was spent counts from zero, and not once more.
    yield scene(Kind.RESTART, lasting((5_000, 60)), lasting((4_000, 30), (0, 30)), silent=(29, 31, 50))
    yield scene(Kind.ABSENT, lasting((500, 90), (GONE, 30)), fires=(85,), silent=(97, 110))
    yield from gauge(
        *(alert, scraped("account_paused", what="spending", reason="out_of_credits", **MAIN)),
        loud=1,
        quiet=GONE,
        value="1",
    )


def _scenes() -> Iterator[Scene]:
    wasted = scraped("ledger_credits_total", entry="wasted", **MAIN)
    yield from counter(money.DOUBLE_SPEND, wasted, resets=False)
    second = scraped("drift_open_findings", **{"class": "duplicate_remote"}, **MAIN)
    yield from gauge(money.DOUBLE_SPEND, second, loud=2, quiet=0, value="2")
    other = scraped("ledger_credits_total", entry="committed", **MAIN)
    yield Scene(money.DOUBLE_SPEND, Kind.NEAR_MISS, {other: lasting((0, 30, 100))}, (), (5, 29))
    yield from _credits_low()
    used = scraped("account_budget_used_rows", **MAIN)
    budget = {scraped("account_budget_rows", **MAIN): 1_000.0}
    yield from gauge(money.BUDGET_NEARLY_SPENT, used, loud=950, quiet=100, near=900, value="95%", beside=budget)
    yield Scene(money.BUDGET_NEARLY_SPENT, Kind.NEAR_MISS, {used: lasting((10_000, 30))}, (), (29,))


SCENES = tuple(_scenes())
