"""A sweep that is only looked at: what it would find now, and repair. It moves no part and keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from worker.actors.drift import Judged, is_thorough, judge_sweep
from worker.actors.shown import Shown
from worker.actors.snapshot import Seen
from worker.actors.walk import walk
from worker.core.sweep import Sweep
from worker.providers.errors import ProviderError
from worker.store.findings import read_findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Connected, Context


class Preview(NamedTuple):
    """What a sweep would come to."""

    sweep: Sweep
    judged: Judged
    #: Why the list was not read to its end, or the credits were not told, as a sentence; empty where all was read.
    failure: str


def preview(context: Context, connected: Connected, on_page: Callable[[], None] | None = None) -> Preview:
    """Walk the account's list and judge it as the next sweep does; `on_page` is told before each page.

    What it calls may fail: then it tells of what was shown before. Raises `StoreUnavailable`, and `Later` where a newer
    program has written findings.
    """
    before = read_findings(context.store, connected.account.name)
    sweep, shown = Sweep(began_at=context.store.now()), Shown()
    thorough = is_thorough(context, connected, before)
    controls, credits_, failure = {}, None, ""
    try:
        walked = walk(context, connected, sweep, thorough=thorough, going_on=on_page, shown=shown, moving=False)
        controls = dict(walked.controls)
        with connected.gate.patient():
            credits_ = connected.provider.credits()
    except ProviderError as error:
        failure = str(error)
    return Preview(sweep, judge_sweep(context, connected, Seen(sweep, shown, controls), before, credits_), failure)
