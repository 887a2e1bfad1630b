"""One account compared: only looked at, or swept and repaired."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from worker.actors.accounts import kept_back
from worker.actors.orphans import home_of
from worker.actors.preview import preview
from worker.actors.reconcile import sweep_now
from worker.actors.walk_turn import WalkTurn
from worker.cli.reconcile.prognosis import carried_out, moved_by_the_way, planned, rest
from worker.cli.reconcile.report import AccountReport
from worker.cli.wording import when
from worker.core.account import waiting
from worker.core.drift.classes import DriftClass
from worker.store.errors import Unreadable
from worker.store.findings import read_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.actors.drift import Judged
    from worker.cli.reconcile.workplace import Workplace
    from worker.context import Connected
    from worker.core.account import Waiting

#: Seconds between two tries to take the turn to walk a list.
_TRY_SECONDS = 0.5
#: What is told where somebody else is at it.
_WALKED = (
    "Another process walks its list, and was waited for {wait_seconds} s: run it again when that is over, in some "
    "minutes at most, or with a longer --wait."
)
_QUICKER = "A sweep of the workers was quicker, and repairs what there is: run it again."


class _ToldTurn(WalkTurn):
    """A turn that tells of each page."""

    def __init__(self, place: Workplace, connected: Connected, on_page: Callable[[], None]) -> None:
        super().__init__(place, connected, place.store.now())
        self._on_page = on_page

    def go_on(self) -> None:
        super().go_on()
        self._on_page()


def look(place: Workplace, connected: Connected, on_page: Callable[[], None]) -> AccountReport:
    """What would be found and done; nothing is written. Raises `StoreUnavailable`."""
    account = connected.account
    report = AccountReport(account.name, account.provider, applied=False)
    try:
        now = place.store.now()
        kept = waiting(place.store.account(account.name, account.provider), now, spends=False)
        if kept is not None:
            return replace(report, failure=_paused(kept, now))
        found = preview(place, connected, on_page)
    except Unreadable as error:
        return replace(report, failure=str(error))
    items = planned(found.judged, _homes(place, found.judged)) + rest(found.judged)
    return replace(_judged(report, place, found.judged), sweep=found.sweep, items=items, failure=found.failure)


def repair(place: Workplace, connected: Connected, on_page: Callable[[], None], *, wait_seconds: int) -> AccountReport:
    """Sweep the account now, repair what may be, and tell what was done.

    Another's walk of its list is waited for, `wait_seconds` at most. Raises `StoreUnavailable`.
    """
    account = connected.account
    report = AccountReport(account.name, account.provider, applied=True)
    try:
        # Findings of a later version are left before anything is asked.
        read_findings(place.store, account.name)
        kept = kept_back(place, connected)
    except Unreadable as error:
        return replace(report, failure=str(error))
    if kept is not None:
        return replace(report, failure=_paused(kept, place.store.now()))
    turn = _turn(place, connected, on_page, wait_seconds)
    if turn is None:
        return replace(report, failure=_WALKED.format(wait_seconds=wait_seconds))
    written_before, moved_on_before = len(place.written), len(place.moved_on)
    try:
        swept = sweep_now(place, connected, turn, deciding=False)
    finally:
        turn.end()
    written, moved_on = place.written[written_before:], place.moved_on[moved_on_before:]
    if swept.judged is None:
        moved = moved_by_the_way((), written)
        return replace(report, sweep=swept.sweep, parts_moved=moved, failure=swept.failure or _QUICKER)
    items = carried_out(swept.judged, written, moved_on)
    return replace(
        _judged(report, place, swept.judged),
        sweep=swept.sweep,
        items=items + rest(swept.judged),
        parts_moved=moved_by_the_way(items, written),
        failure=swept.failure,
    )


def _turn(place: Workplace, connected: Connected, on_page: Callable[[], None], wait_seconds: int) -> _ToldTurn | None:
    """The turn to walk the list as soon as it can be had; `None` where it is another's all the time."""
    until = time.monotonic() + wait_seconds
    while not (turn := _ToldTurn(place, connected, on_page)).begin():
        if time.monotonic() >= until:
            return None
        time.sleep(_TRY_SECONDS)
    return turn


def _judged(report: AccountReport, place: Workplace, judged: Judged) -> AccountReport:
    return replace(
        report, now=place.store.now(), repairs_left=judged.plan.left, mismatch=judged.evaluation.breaker.tripped
    )


def _homes(place: Workplace, judged: Judged) -> Mapping[str, str | None]:
    """The parts that orphans belong to, by their tokens."""
    orphans = (finding for finding in judged.merged.open if finding.drift is DriftClass.ORPHAN_REMOTE)
    tokens = {str(finding.evidence.get("token")) for finding in orphans}
    return {token: home_of(place, token) for token in sorted(tokens)}


def _paused(kept: Waiting, now: float) -> str:
    until = when(kept.until, now)
    return f"No call is made for the account now ({kept.reason.replace('_', ' ')}); the next one is due {until}."
