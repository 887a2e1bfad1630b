"""The snapshot of an account: what a walk has shown beside what is known here, as the predicates of drift read it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from worker.actors.unresolved import search_rules
from worker.core.drift.classes import Basis
from worker.core.drift.existence import ENDED_WITHOUT
from worker.core.drift.views import Bounds, Occasion, PartCase, Snapshot, SweepWorth
from worker.core.durations import alike, expected_of
from worker.core.search import Unproven, is_possible
from worker.core.states import Lane, PartState
from worker.store.looking import durations
from worker.store.sweeps import last_sweep, live_parts, owners_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from config.settings import Settings
    from worker.actors.shown import Shown
    from worker.context import Connected, Context
    from worker.core.drift.findings import Finding
    from worker.core.drift.views import ListedJob
    from worker.core.records import PartRecord
    from worker.core.sweep import Sweep
    from worker.store.errors import Unreadable

#: Most parts of an account that one sweep compares, besides those that the list shows and those of open findings.
LIVE_PARTS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What one sweep has seen of the remote list."""

    sweep: Sweep
    shown: Shown
    #: A job of ours that it has shown, by kind.
    controls: Mapping[str, str] = field(default_factory=dict)

    @property
    def worth(self) -> SweepWorth:
        """What it is worth as evidence."""
        sweep = self.sweep
        return SweepWorth(sweep.began_at, complete=sweep.complete, proven=sweep.proven, controls=self.controls)


def bounds_of(settings: Settings) -> Bounds:
    """How far the two sides may be apart, by the settings."""
    return Bounds(
        settle_seconds=settings.settle_seconds,
        clock_skew_seconds=settings.clock_skew_seconds,
        late_seconds=max(settings.drift_late_seconds, settings.poll_cap_seconds),
        uncollected_seconds=settings.drift_uncollected_seconds,
        stalled_seconds=settings.drift_stalled_seconds,
        slack_credits=settings.drift_slack_credits,
    )


def snapshot_of(context: Context, connected: Connected, seen: Seen, findings: Iterable[Finding]) -> Snapshot:
    """Put together what the walk has shown and the records as they are after it; without storage and money.

    Parts that were listed stand there as they were before the walk moved them, so that what it has mended is told.
    """
    retention_seconds = connected.provider.capabilities.retention_seconds
    occasion = Occasion(
        account=connected.account.name,
        now=context.store.now(),
        sweep=seen.worth,
        policy=context.policy,
        bounds=bounds_of(context.settings),
        judged_before=float(last_sweep(context.store, connected.account.name).get("judged_at") or math.inf),
        retention_seconds=None if retention_seconds is None else float(retention_seconds),
    )
    parts = dict(seen.shown.parts)
    wanted = set(live_parts(context.store, connected.account.name, LIVE_PARTS_MAX))
    # Of a job or an object that is told of, the part is not asked for.
    wanted |= {found.subject for found in findings if found.rule.basis in {Basis.LIST, Basis.RECORD}}
    _read(context, connected, parts, wanted)
    rivals = _rivals(context, connected, parts)
    expected = _expected(context, connected, parts.values())
    cases = (
        PartCase(
            occasion,
            part,
            job=seen.shown.jobs.get(part.remote_id or ""),
            named=tuple(seen.shown.named.get(part.part_id, ())),
            rivals=tuple(sorted(rivals.get(part.part_id, ()))),
            expected_seconds=expected.get(part.part_id),
        )
        for part in parts.values()
    )
    return Snapshot(occasion, tuple(cases), unowned=_unowned(context, connected, seen.shown))


def renewed(context: Context, snapshot: Snapshot, part_ids: Sequence[str]) -> Snapshot:
    """The snapshot with the records of these parts as they are now: what a repair may be built on."""
    now = {part.part_id: part for part in context.store.parts(part_ids, lambda _part_id, _error: None)}
    cases = tuple(replace(case, part=now[case.part.part_id]) for case in snapshot.parts if case.part.part_id in now)
    return replace(snapshot, parts=cases)


def _read(context: Context, connected: Connected, parts: dict[str, PartRecord], wanted: set[str]) -> None:
    """Add the parts that are wanted and not there yet, but for those of another service."""

    def leave(part_id: str, error: Unreadable) -> None:
        context.leave(Lane.RECONCILE, part_id, error)

    missing = sorted(part_id for part_id in wanted if part_id not in parts and "/" in part_id)
    for part in context.store.parts(missing, leave):
        if part.service in {"", connected.service}:
            parts[part.part_id] = part


def _rivals(context: Context, connected: Connected, parts: dict[str, PartRecord]) -> Mapping[str, set[str]]:
    """For each part the others that have its remote id now, by their own records.

    The records of a sweep are not of one moment, and a job may pass from one part to another: who seems to share one is
    read again.
    """
    holders: dict[str, set[str]] = {}
    for part in parts.values():
        if part.remote_id is not None:
            holders.setdefault(part.remote_id, set()).add(part.part_id)
    for remote_id, owner in owners_of(context.store, connected.remote_scope, sorted(holders)).items():
        holders[remote_id].add(owner)
    doubtful = {part_id for shared in holders.values() if len(shared) > 1 for part_id in shared}
    if not doubtful:
        return {}
    _read(context, connected, parts, doubtful)
    now = {part.part_id: part for part in context.store.parts(sorted(doubtful), lambda _part_id, _error: None)}
    sharing: dict[str, set[str]] = {}
    for part in now.values():
        if part.remote_id is not None and part.state not in ENDED_WITHOUT:
            sharing.setdefault(part.remote_id, set()).add(part.part_id)
    return {part_id: shared - {part_id} for shared in sharing.values() for part_id in shared}


def _expected(context: Context, connected: Connected, parts: Iterable[PartRecord]) -> Mapping[str, float]:
    """How long nearly all jobs like those that are under way took, seconds, by their parts."""
    alikes = {part.part_id: alike(part.kind, part.rows) for part in parts if part.state is PartState.SUBMITTED}
    known = durations(context.store, connected.account.name, sorted(set(alikes.values())))
    late = {like: found.late_seconds for like, seconds in known.items() if (found := expected_of(seconds)) is not None}
    return {part_id: late[like] for part_id, like in alikes.items() if like in late}


def _unowned(context: Context, connected: Connected, shown: Shown) -> tuple[ListedJob, ...]:
    """Jobs that nobody has even now; those that may be an open attempt's are not certainly a stranger's."""
    store, name = context.store, connected.account.name
    owned = owners_of(store, connected.remote_scope, sorted(shown.unowned))
    record = store.account(name, connected.account.provider)
    rules = search_rules(context.settings)
    attempted = [part for part in store.open_attempts(name, lambda _part_id, _error: None) if part.attempt]
    searched = [] if connected.is_named(record) else [part for part in attempted if part.service == connected.service]

    def maybe_ours(job: ListedJob) -> bool:
        unproven = Unproven(job.remote_id, job.kind, job.rows, job.started_at)
        return any(is_possible(part, unproven, rules) for part in searched)

    return tuple(
        replace(job, maybe_ours=maybe_ours(job)) for job in shown.unowned.values() if job.remote_id not in owned
    )
