"""Checks of the work: what is stuck, overdue, dead, about to be lost, or waits for a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from worker.cli.health.check import ok, problem, unknown, warning
from worker.cli.wording import duration, when
from worker.core.line import URGENT_FRACTION
from worker.core.next_step import ways_out
from worker.core.states import PartState
from worker.providers.registry import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.cli.health.check import Check
    from worker.cli.health.reading import Reading, Stuck
    from worker.core.records import PartRecord

AREA = "work"
#: Fraction of the time for which a provider keeps a result, after which one that is not fetched is at risk.
RISK_SHARE = 0.5


def work_checks(reading: Reading) -> Iterator[Check]:
    """Everything that stands still."""
    yield from _quarantined(reading)
    yield from _at_risk(reading)
    yield from _stuck(reading)
    yield from _overdue(reading)
    yield from _dead(reading)


def _quarantined(reading: Reading) -> Iterator[Check]:
    total = reading.count("part", PartState.QUARANTINED)
    if not total:
        yield ok(AREA, "quarantine", "no part waits for a person")
        return
    yield from (_waits_for_person(part) for part in reading.quarantined)
    for part_id in reading.unread:
        text = f"part {part_id} is in quarantine, and its record cannot be read"
        yield unknown(AREA, "quarantine", text, f"`bulkverify why {part_id.rpartition('/')[0]}` tells why.")
    more = total - len(reading.quarantined) - len(reading.unread)
    if more > 0:
        text = f"{more:,} more parts are in quarantine"
        yield warning(AREA, "quarantine", text, "`bulkverify ls --state attention` lists their uploads.")


def _waits_for_person(part: PartRecord) -> Check:
    why = part.message.removesuffix(".") or part.reason.replace("_", " ") or "no reason is recorded"
    command = ways_out(part)[0]
    remedy = f"`bulkverify why {part.upload_id}` shows what is known; then perhaps `{command}`."
    return warning(AREA, "quarantine", f"part {part.part_id} waits for a person: {why}", remedy)


def _at_risk(reading: Reading) -> Iterator[Check]:
    found = []
    for account, ends_at, kept_seconds in results_ending(reading):
        left = ends_at - reading.now
        if left > kept_seconds * RISK_SHARE:
            continue
        text = f"{account}: the provider deletes a paid result that is not fetched, {when(ends_at, reading.now)}"
        remedy = f"`bulkverify accounts` tells what keeps account {account} back; `bulkverify ls` what is under way."
        tell = problem if left <= kept_seconds * URGENT_FRACTION else warning
        found.append(tell(AREA, "result_at_risk", text, remedy))
    yield from found or [ok(AREA, "result_at_risk", "no result that is paid for is about to be deleted")]


def results_ending(reading: Reading) -> Iterator[tuple[str, float, float]]:
    """By account: when the provider deletes the first result that is not fetched, and for how long it keeps results."""
    for account in reading.figures.accounts:
        known = CAPABILITIES.get(reading.provider_of(account.name))
        kept_seconds = None if known is None else known.retention_seconds
        if kept_seconds is not None and account.uncollected_since is not None:
            yield account.name, account.uncollected_since + kept_seconds, kept_seconds


def _stuck(reading: Reading) -> Iterator[Check]:
    if not reading.stuck:
        yield ok(AREA, "stuck", "nothing is longer in its state than it should be")
    yield from map(_stays, reading.stuck)


def _stays(stuck: Stuck) -> Check:
    text = f"{stuck.record} {stuck.item} is {stuck.state} for {duration(stuck.seconds)}"
    remedy = f"`bulkverify why {stuck.upload_id}` tells what happens next, and what hinders it."
    return warning(AREA, "stuck", text, remedy)


def _overdue(reading: Reading) -> Iterator[Check]:
    overdue: Counter[str] = Counter()
    for account in reading.figures.accounts:
        overdue.update({str(lane): items for lane, items in account.overdue.items()})
    late = {lane: items for lane, items in overdue.items() if items}
    if not late:
        yield ok(AREA, "overdue", "everything that is due is looked at in time")
        return
    told = ", ".join(f"{items:,} of {lane}" for lane, items in late.items())
    text = f"{sum(late.values()):,} work items are due for more than {reading.settings.rearm_grace_seconds:g} s: {told}"
    remedy = "See that workers and pollers run, and that there are enough of them: `bulkverify up --scale worker=2`."
    yield warning(AREA, "overdue", text, remedy)


def _dead(reading: Reading) -> Iterator[Check]:
    if reading.waiting is None:
        return
    dead = {queue: boxes.dead for queue, boxes in reading.waiting.boxes.items() if boxes.dead}
    if not dead:
        yield ok(AREA, "dead_letters", "no message has died")
        return
    told = ", ".join(f"{messages:,} of {queue}" for queue, messages in dead.items())
    remedy = "Their work is done from the records all the same; the workers' log has what failed."
    yield warning(AREA, "dead_letters", f"messages have died: {told}", remedy)
