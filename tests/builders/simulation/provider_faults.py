"""What a provider does wrong, by name: each turns knobs of the simulator whose account the struck step works for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.builders.effects import Effect, Fate
from worker.providers.sandbox.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.builders.simulation.workers import Step
    from tests.builders.simulation.world import World

#: The accounts.
IPQS, WHOISXML = "ipqs-main", "whoisxml-main"
#: Seconds until a new job is seen that is late within what the protocol waits for.
LATE_SECONDS_MAX = 500.0
#: Seconds until a new job is seen that is late beyond it.
BEYOND_SECONDS = (3 * 3_600.0, 12 * 3_600.0)
#: Seconds that a provider's clock is off at most; less than the setting allows for.
SKEW_SECONDS_MAX = 250.0
#: The provider answers the submit of an equal list with the job that it has: whose it is, a person decides.
JOINED = "equal lists joined"
#: The provider gives a job up.
GIVEN_UP = "aborted"


@dataclass(frozen=True, slots=True)
class ProviderFault:
    """See `tests.builders.simulation.faults.FaultKind`."""

    strike: Callable[[World, Step, Effect], Fate | None]
    leaves_evidence: bool = True
    beyond_protocol: bool = False
    loses_rows: bool = False
    only_on: str = ""
    #: States of parts at which alone it can strike; none: at any.
    only_at: frozenset[str] = frozenset()


#: Turns knobs of one simulator; False when this provider has no such fault.
Turn = Any


def _turned(turn: Callable[[Any, Random], bool | None]) -> Callable[[World, Step, Effect], Fate | None]:
    def strike(world: World, step: Step, effect: Effect) -> Fate | None:
        del effect
        provider = world.provider_of(step)
        return None if provider is None or turn(provider, world.chance) is False else Fate.PERFORM

    return strike


def _next_call(
    operation: str, kind: str, *, times_max: int = 1, **more: Any
) -> Callable[[World, Step, Effect], Fate | None]:
    """A one-shot fault of the simulator."""
    return _turned(
        lambda provider, chance: provider.knobs.faults.append(
            Fault(operation, kind, times=chance.randint(1, times_max), **more)
        )
    )


def _stall(provider: Any, chance: Random) -> None:
    provider.knobs.stall_at = chance.choice((0.0, 0.5, 0.9))
    for job in _unfinished(provider):
        job.stall_at = provider.knobs.stall_at


def _abort(provider: Any, chance: Random) -> bool | None:
    if not hasattr(provider.knobs, "abort_at"):
        return False
    jobs = _unfinished(provider)
    if jobs:
        chance.choice(jobs).abort_at = 0.0
        return None
    provider.knobs.abort_at = 0.5
    return None


def _unfinished(provider: Any) -> list[Any]:
    now = provider.clock.now()
    return [job for job in provider.jobs.values() if not job.finished(now) and not job.of_others]


def _set(name: str, value: Callable[[Random], object]) -> Callable[[World, Step, Effect], Fate | None]:
    """Set one knob until faults end; nothing for a provider that has no such knob."""

    def turn(provider: Any, chance: Random) -> bool | None:
        if not hasattr(provider.knobs, name):
            return False
        setattr(provider.knobs, name, value(chance))
        return None

    return _turned(turn)


def _late(provider: Any, chance: Random, views: tuple[str, ...]) -> None:
    for view in views:
        setattr(provider.knobs, f"job_{view}_delay_seconds", chance.uniform(30.0, LATE_SECONDS_MAX))


def _beyond(provider: Any, seconds: float) -> None:
    """Nobody is told of the next job, and nobody sees it for long."""
    provider.knobs.faults.append(Fault("submit", "answer_lost"))
    provider.knobs.job_list_delay_seconds = provider.knobs.job_status_delay_seconds = seconds


def _shift(name: str) -> Callable[[World, Step, Effect], Fate | None]:
    return _set(name, lambda chance: chance.randint(1, 3))


PROVIDER_FAULTS: dict[str, ProviderFault] = {
    "error 500": ProviderFault(_next_call("*", "http_500", times_max=3)),
    "gateway 502": ProviderFault(_next_call("submit", "answer_http_502")),
    "web page": ProviderFault(_next_call("submit", "answer_html")),
    "answer cut": ProviderFault(_next_call("*", "truncate", after_bytes=8)),
    "bot filter": ProviderFault(_next_call("*", "html_block")),
    "throttled": ProviderFault(_next_call("*", "throttle_retry_after", times_max=3, seconds=120)),
    "no credits": ProviderFault(_next_call("submit", "no_credits")),
    "key rejected": ProviderFault(_next_call("*", "bad_key")),
    "odd refusal": ProviderFault(_next_call("submit", "refuse", text="We are busy.")),
    "stalled": ProviderFault(_turned(_stall)),
    GIVEN_UP: ProviderFault(_turned(_abort), loses_rows=True, only_on=IPQS),
    "unknown word": ProviderFault(_set("processing_word", lambda _chance: "ON_HOLD"), only_on=IPQS),
    "expired links": ProviderFault(_set("link_seconds", lambda _chance: -1.0), only_on=IPQS),
    "wrong totals": ProviderFault(_set("list_total_error", lambda chance: chance.choice((-2, 1, 5)))),
    "wrong counts": ProviderFault(_set("job_rows_error", lambda chance: chance.choice((-1, 1, 40)))),
    "late in list": ProviderFault(_turned(lambda provider, chance: _late(provider, chance, ("list",)))),
    "late by id": ProviderFault(_turned(lambda provider, chance: _late(provider, chance, ("status",)))),
    "hidden beyond settle": ProviderFault(
        _turned(lambda provider, chance: _beyond(provider, chance.uniform(*BEYOND_SECONDS))),
        leaves_evidence=False,
        beyond_protocol=True,
    ),
    "hidden for good": ProviderFault(
        _turned(lambda provider, _chance: _beyond(provider, math.inf)), leaves_evidence=False, beyond_protocol=True
    ),
    "scattered ids": ProviderFault(_set("ids", lambda _chance: "scattered")),
    # A list that shows no job of ours proves nothing.
    "filtered list": ProviderFault(
        _set("list_only_type", lambda _chance: "proxy"), leaves_evidence=False, only_on=IPQS
    ),
    "pages shift back": ProviderFault(_shift("list_inserts")),
    "pages shift on": ProviderFault(_shift("list_removals")),
    "page lacks a job": ProviderFault(_shift("list_drops")),
    JOINED: ProviderFault(_set("deduplicate_jobs_seconds", lambda _chance: 3_600.0)),
    "clock skew": ProviderFault(
        _set("clock_skew_seconds", lambda chance: chance.uniform(-SKEW_SECONDS_MAX, SKEW_SECONDS_MAX)),
        only_on=WHOISXML,
    ),
}

#: Faults of lists with several pages.
PAGE_FAULTS = frozenset({"pages shift back", "pages shift on", "page lacks a job"})
