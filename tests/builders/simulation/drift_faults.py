"""What makes here and there differ, by name: each happens to a job that the struck step's part waits for, or beside it.

A job that nobody is told of, and that is not shown either, is no drift: see `hidden beyond settle` for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.builders.effects import EffectKind, Fate
from tests.builders.simulation.provider_faults import GIVEN_UP, IPQS, JOINED, WHOISXML, ProviderFault
from worker.actors.names import result_name
from worker.core.drift.classes import DriftClass
from worker.core.states import Lane, PartState

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.builders.effects import Effect
    from tests.builders.simulation.workers import Step
    from tests.builders.simulation.world import World

#: States in which a part waits for its job, or for what that has brought.
WAITING = frozenset({str(PartState.SUBMITTED), str(PartState.FINISHED)})
#: Those in which it has a job.
WITH_JOB = WAITING | {str(PartState.COLLECTED)}
#: Calls that bring the rows of a result, or some of them.
DOWNLOADS = frozenset({"download", "completed"})
#: Credits that somebody else spends.
FOREIGN_CREDITS = 5_000
#: How a result is called that is out of reach.
_AWAY = ".away"


def _to_job(act: Callable[[Any, Any, Random], object]) -> Callable[[World, Step, Effect], Fate | None]:
    """Happen to a job of the parts that the step is about, as their records name it; wait where there is none."""

    def strike(world: World, step: Step, effect: Effect) -> Fate | None:
        del effect
        jobs = world.jobs_of(step)
        if not jobs:
            return None
        provider, job = world.chance.choice(jobs)
        act(provider, job, world.chance)
        return Fate.PERFORM

    return strike


def _beside(act: Callable[[Any, Random], object]) -> Callable[[World, Step, Effect], Fate | None]:
    """Happen to the account that the step works for."""

    def strike(world: World, step: Step, effect: Effect) -> Fate | None:
        del effect
        act(world.provider_of(step), world.chance)
        return Fate.PERFORM

    return strike


def _hide(provider: Any, job: Any, chance: Random) -> None:
    del provider, chance
    job.hidden = True


def _set_back(world: World, step: Step, effect: Effect) -> Fate | None:
    """A job that is done is under way again: while its result is fetched, or right after a call that may show it."""
    jobs = [job for provider, job in world.jobs_of(step) if job.finished(provider.clock.now())]
    fetching = step.subject[0] == Lane.COLLECT
    if not jobs or not (fetching or effect.kind is EffectKind.HTTP):
        return None
    job, stands_at = world.chance.choice(jobs), world.chance.choice((0.0, 0.5))
    if fetching:
        job.stall_at = stands_at
    else:
        world.after_effect = lambda: setattr(job, "stall_at", stands_at)
    return Fate.PERFORM


def _copy(provider: Any, job: Any, chance: Random) -> None:
    del chance
    provider.copy_for_others(job.remote_id)


def _lose_rows(provider: Any, job: Any, chance: Random) -> None:
    del provider
    job.missing_row_every = chance.choice((1, 2))


def _miscount(provider: Any, job: Any, chance: Random) -> None:
    del provider
    job.rows_error = chance.choice((-1, 1, 40))


def _strangers(provider: Any, chance: Random) -> None:
    provider.add_jobs_of_others(chance.randint(1, 3))


def _spend(provider: Any, chance: Random) -> None:
    del chance
    provider.knobs.credits -= FOREIGN_CREDITS


def _lose_result(world: World, step: Step, effect: Effect) -> Fate | None:
    """The result of an upload that was completed before is not in storage any more."""
    del step, effect
    path = world.folder / "storage" / result_name(f"earlier-{world.chance.choice((IPQS, WHOISXML))}")
    if not path.exists():
        return None
    path.rename(path.with_name(path.name + _AWAY))
    return Fate.PERFORM


def _cut_once(world: World, step: Step, effect: Effect) -> Fate | None:
    """The present download lacks every other row of a part's result; the next one is whole."""
    jobs = [job for _, job in world.jobs_of(step) if job.spool.rows > 1]
    if effect.name not in DOWNLOADS or not jobs:
        return None
    (job,) = jobs
    job.missing_row_every = 2
    world.after_effect = lambda: setattr(job, "missing_row_every", 0)
    return Fate.PERFORM


def _give_up(world: World, step: Step, effect: Effect) -> Fate | None:
    """A job is given up while it is not shown, so that no look sees that before a sweep does."""
    del effect
    jobs = [job for provider, job in world.jobs_of(step) if hasattr(provider.knobs, "abort_at")]
    if not jobs:
        return None
    job = world.chance.choice(jobs)
    job.hidden, job.abort_at = True, 0.0
    return Fate.PERFORM


def _add_column(world: World, step: Step, effect: Effect) -> Fate | None:
    """Results have a column more from now on, until faults end."""
    del effect
    provider = world.provider_of(step)
    if not hasattr(provider.knobs, "extra_columns"):
        return None
    provider.knobs.extra_columns = ("moon",)
    return Fate.PERFORM


#: A job that was done is under way again.
GONE_BACK = "job goes back"

DRIFT_FAULTS: dict[str, ProviderFault] = {
    "job hidden": ProviderFault(_to_job(_hide), only_at=WAITING),
    GONE_BACK: ProviderFault(_set_back, only_at=WAITING),
    "job given up unseen": ProviderFault(
        _give_up, only_at=frozenset({str(PartState.SUBMITTED)}), only_on=IPQS, loses_rows=True
    ),
    "job copied": ProviderFault(_to_job(_copy), only_at=WITH_JOB, only_on=IPQS),
    "job miscounted": ProviderFault(_to_job(_miscount), only_at=WAITING),
    "rows missing": ProviderFault(_to_job(_lose_rows), only_at=WAITING, loses_rows=True),
    "rows missing once": ProviderFault(_cut_once, only_at=frozenset({str(PartState.FINISHED)})),
    "column added": ProviderFault(_add_column, only_at=WAITING, only_on=IPQS),
    "jobs of others": ProviderFault(_beside(_strangers)),
    "credits spent elsewhere": ProviderFault(_beside(_spend)),
    "result gone": ProviderFault(_lose_result),
}


def but_of_results_away(world: World, broken: list[str]) -> list[str]:
    """What is broken, but for results that are out of reach now: they are looked at when they are back."""
    if "result gone" not in {name for name, _ in world.struck}:
        return broken
    away = {path.parent.name for path in (world.folder / "storage").rglob(f"*{_AWAY}")}
    return [told for told in broken if told.partition(" has a result that cannot be read")[0] not in away]


def end_drift(world: World) -> None:
    """Whatever was hidden is shown again, and what was taken away is back where nothing has taken its place."""
    for provider in (world.ipqs, world.whoisxml):
        for job in provider.jobs.values():
            job.hidden, job.stall_at, job.rows_error = False, None, 0
    for path in (world.folder / "storage").rglob(f"*{_AWAY}"):
        place = path.with_name(path.name.removesuffix(_AWAY))
        path.unlink() if place.exists() else path.rename(place)


_C = DriftClass
#: By class of drift, the faults that make it.
MADE_BY: dict[DriftClass, tuple[str, ...]] = {
    _C.UNRESOLVED_ATTEMPT: ("answer lost", "gateway 502", "web page"),
    _C.ORPHAN_REMOTE: ("redis flushed", "both flushed", "redis rolled back"),
    _C.FOREIGN_REMOTE: ("jobs of others", "pages shift back"),
    _C.MISSING_REMOTE: ("job hidden", "job given up unseen"),
    _C.DUPLICATE_REMOTE: ("job copied", "hidden beyond settle"),
    _C.IDENTITY_COLLISION: (JOINED,),
    _C.SIZE_MISMATCH: ("job miscounted", "wrong counts"),
    _C.STALE_LOCAL: ("job hidden", "worker frozen"),
    _C.STATUS_REGRESSION: (GONE_BACK,),
    _C.UNKNOWN_STATUS: ("unknown word",),
    _C.REMOTE_ABORTED: ("job given up unseen", GIVEN_UP),
    _C.STALLED_REMOTE: ("stalled", GONE_BACK),
    _C.HOLLOW_SUCCESS: ("rows missing",),
    _C.UNCOLLECTED_RESULT: (GONE_BACK, "expired links"),
    _C.ROW_MISMATCH: ("rows missing",),
    _C.RESULT_CHANGED: ("rows missing once",),
    _C.SCHEMA_DRIFT: ("column added",),
    _C.MISSING_ARTIFACT: ("result gone",),
    _C.LEDGER_DRIFT: ("credits spent elsewhere",),
}
#: Classes that no run makes, and why.
NOT_MADE: dict[DriftClass, str] = {
    _C.TERMINAL_DISAGREEMENT: "a simulated job that was given up stays given up",
    _C.RESULT_EXPIRED: "a result is kept for a week, and faults last for hours",
    _C.RESERVATION_LEAK: "no step leaves credits reserved, so that only an altered record shows it",
}
