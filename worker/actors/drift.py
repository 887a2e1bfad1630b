"""Drift in the flow: what a sweep has seen becomes findings, findings are kept, and those that may be are repaired.

The order makes a crash harmless: findings are kept before anything is repaired, and each repair is one write that the
next sweep finds done, or plans again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worker.actors.attempts import close_found
from worker.actors.left import uploads_left
from worker.actors.money import compare
from worker.actors.orphans import import_orphan
from worker.actors.snapshot import renewed, snapshot_of
from worker.actors.stored import look_at_stored
from worker.actors.unresolved import is_to_be_proven
from worker.core.drift.classes import DriftClass, Severity
from worker.core.drift.counting import counted
from worker.core.drift.evaluate import Evaluation, Merged, evaluate, merge
from worker.core.drift.repairs import Plan, Repair, plan
from worker.core.states import Lane
from worker.correlation import ids_of
from worker.store.columns import known_columns
from worker.store.errors import Stale, Taken
from worker.store.findings import Kept, Replacement, open_counts, replace_findings
from worker.store.rotation import keep_turn
from worker.store.sweeps import last_sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.actors.snapshot import Seen
    from worker.context import Connected, Context
    from worker.core.drift.findings import Finding
    from worker.providers.port import Credits

log = structlog.get_logger()


class Judged(NamedTuple):
    """What one sweep means."""

    merged: Merged
    plan: Plan
    evaluation: Evaluation
    #: The findings that it was merged with.
    before: Kept
    #: The reading of the credits to be kept; `None`: the one before stays.
    reading: str | None
    #: Where the next sweep goes on to look at storage.
    stored_cursor: float


def is_thorough(context: Context, connected: Connected, before: Kept) -> bool:
    """Whether the next walk has to prove what is not there: of an open attempt, or of a job that was not shown."""
    suspected = any(finding.drift is DriftClass.MISSING_REMOTE for finding in before.findings)
    unseen = int(last_sweep(context.store, connected.account.name).get("unseen") or 0)
    return suspected or unseen > 0 or is_to_be_proven(context, connected)


def judge_sweep(context: Context, connected: Connected, seen: Seen, before: Kept, credits_: Credits | None) -> Judged:
    """What a sweep means for the findings of the account, and what may be repaired; nothing is written.

    Repairs are built on the records as they are now, which the walk may have moved. `credits_`: where they were told.
    """
    bare = snapshot_of(context, connected, seen, before.findings)
    turn = look_at_stored(context, connected, before.findings)
    snapshot = replace(bare, stored=turn.stored, columns=known_columns(context.store, connected.account.name))
    compared = None if credits_ is None else compare(context, connected, snapshot, credits_)
    if compared is not None:
        snapshot = replace(snapshot, money=compared.money)
    evaluation = evaluate(snapshot)
    reading = None if compared is None else compared.to_keep(evaluation)
    merged = merge(before.findings, evaluation)
    fresh = renewed(context, snapshot, [finding.subject for finding in merged.open if "/" in finding.subject])
    fresh = replace(fresh, uploads=uploads_left(context, connected, fresh, merged.open))
    planned = plan(merged.open, replace(evaluation, snapshot=fresh))
    return Judged(merged, planned, evaluation, before, reading, turn.cursor)


def keep(context: Context, connected: Connected, judged: Judged) -> None:
    """Keep what was found, and count it; the first thing to be done with it, and the one that settles who does.

    Raises `Stale` when another sweep was quicker, which has counted and repairs: nothing was written.
    """
    name, merged = connected.account.name, judged.merged
    now = judged.evaluation.snapshot.occasion.now
    after = Replacement(merged.kept, open_counts(merged.kept), counted(merged, now), judged.reading)
    replace_findings(context.store, name, judged.before, after)
    keep_turn(context.store, name, judged.stored_cursor)
    for finding in merged.opened:
        _tell("drift_found", finding)
    for finding in merged.closed:
        _tell("drift_gone", finding)


def _tell(event: str, finding: Finding) -> None:
    write = log.error if finding.severity is Severity.PAGE and event == "drift_found" else log.info
    # The class, not the Finding's own word for it: `class` is what the metric says.
    told = {"class": str(finding.drift), "subject": finding.subject, "evidence": dict(finding.evidence)}
    write(event, account=finding.account, next=finding.next, **told)


def repair_all(context: Context, connected: Connected, judged: Judged) -> int:
    """Apply what was planned, each by compare-and-set, and import orphans; how many repairs were written.

    Nothing where the list is not believed.
    """
    if judged.plan.outcome:
        return 0
    if judged.plan.left:
        log.info("repairs_left", account=connected.account.name, repairs=judged.plan.left)
    _import(context, connected, judged.merged.open)
    return sum(_repaired(context, repair) for repair in judged.plan.repairs)


def _import(context: Context, connected: Connected, findings: Iterable[Finding]) -> None:
    for finding in findings:
        token = finding.evidence.get("token")
        if finding.drift is DriftClass.ORPHAN_REMOTE and isinstance(token, str):
            import_orphan(context, connected, token, finding.subject)


def _repaired(context: Context, repair: Repair) -> bool:
    """Write one repair, which its upload's timeline tells; False when what it changes has moved on meanwhile."""
    details = dict(repair.change.details or {}) | {"drift": str(repair.finding.drift)}
    change = replace(repair.change, details=details)
    try:
        context.apply(change)
    except Stale:
        context.metrics.message_stale(Lane.RECONCILE, "raced")
        return False
    except Taken as taken:
        whose = repair.finding.subject
        log.warning("identity_collision", **ids_of(whose), remote_id=taken.remote_id, other=taken.part_id)
        return False
    for part in change.parts:
        if change.claims and part.remote_id is not None and not part.provisional:
            close_found(context.storage, part, part.remote_id)
    if any(part.lane is None for part in change.parts):
        context.nudge(change.upload_id)
    return True
