"""The faults of the simulation by name: at which effects each can strike, and what it then does.

Those of the providers are in `provider_faults`, and those that make drift in `drift_faults`.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import redis
import requests

from tests.builders.effects import EffectKind, Fate
from tests.builders.simulation.drift_faults import DRIFT_FAULTS
from tests.builders.simulation.provider_faults import PROVIDER_FAULTS
from worker.core.states import PartState
from worker.providers.errors import NotSent
from worker.storage.errors import from_os_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.builders.effects import Effect
    from tests.builders.simulation.workers import Step
    from tests.builders.simulation.world import World

    #: Does what a fault does at a step that is about to have an effect; the effect's fate, `None` when it does not
    #: take place now.
    Strike = Callable[[World, Step, Effect], Fate | BaseException | None]

#: The state of an upload that has no parts yet.
UNSPLIT = "unsplit"
#: Seconds that a frozen worker stands still at least, and at most: its leases are over.
FROZEN_SECONDS = (3_600.0, 7_200.0)
#: Seconds by which a message is late, at most.
LATE_SECONDS_MAX = 7_200.0


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault."""

    strike: Strike
    #: Kinds of effects at which it can strike.
    at: frozenset[EffectKind] = frozenset(EffectKind)
    #: States of parts at which it cannot: no step has such an effect then.
    never_at: frozenset[str] = frozenset()
    #: Words one of which must be in the effect's name; none: any effect will do.
    named: frozenset[str] = field(default_factory=frozenset)
    #: Whether what was spent can still be found out afterwards: then nothing may end in quarantine.
    leaves_evidence: bool = True
    #: Whether the protocol is known not to hold against it: a second charge has to be detected, not prevented.
    beyond_protocol: bool = False
    #: Whether rows may end without a verdict because of it: the provider gave the job up.
    loses_rows: bool = False
    #: The only states of parts at which it can; none: at any.
    only_at: frozenset[str] = frozenset()
    #: The only account whose provider can do it; empty: both can.
    only_on: str = ""

    def can_strike_at(self, state: str) -> bool:
        """Whether it can strike while a part is in this state."""
        return state not in self.never_at and (not self.only_at or state in self.only_at)

    def can_strike(self, effect: Effect) -> bool:
        """Whether it can strike at this effect."""
        return effect.kind in self.at and (not self.named or any(word in effect.name for word in self.named))


def _fated(fate: Fate) -> Strike:
    return lambda world, step, effect: fate


def _redis_unreachable(world: World, step: Step, effect: Effect) -> BaseException:
    del world, step, effect
    return redis.ConnectionError("the server cannot be reached")


def _call_unsent(world: World, step: Step, effect: Effect) -> BaseException:
    del world, step
    if effect.name == "submit":
        return NotSent("submit: something broke while connecting; nothing was accepted and nothing was charged")
    return requests.ConnectionError("connection refused")


def _storage_error(number: int) -> Strike:
    def strike(world: World, step: Step, effect: Effect) -> BaseException:
        del world, step
        error = OSError(number, os.strerror(number))
        doing, _, name = effect.name.partition(" ")
        # A call of the operating system fails below the storage, a reading as the storage tells of it.
        return error if ": " in effect.name else from_os_error(error, doing, name)

    return strike


def _late_message(world: World, step: Step, effect: Effect) -> Fate:
    del step, effect
    late_seconds = world.chance.uniform(1.0, LATE_SECONDS_MAX)
    world.after_effect = lambda: world.delay_newest_message(late_seconds)
    return Fate.PERFORM


def _freeze(world: World, step: Step, effect: Effect) -> None:
    del effect
    step.worker.frozen_until = world.clock.now() + world.chance.uniform(*FROZEN_SECONDS)


def _flush_state(world: World, step: Step, effect: Effect) -> Fate:
    del step, effect
    world.flush_state()
    return Fate.PERFORM


def _flush_broker(world: World, step: Step, effect: Effect) -> Fate:
    del step, effect
    world.messages.waiting.clear()
    return Fate.PERFORM


def _flush_both(world: World, step: Step, effect: Effect) -> Fate:
    _flush_broker(world, step, effect)
    return _flush_state(world, step, effect)


def _roll_back(world: World, step: Step, effect: Effect) -> Fate:
    del step, effect
    world.roll_back()
    return Fate.PERFORM


_FILES = frozenset({EffectKind.FILE})
_CALLS = frozenset({EffectKind.HTTP})
_MESSAGES = frozenset({EffectKind.MESSAGE})
_REDIS = frozenset({EffectKind.REDIS})
#: While the provider works on a part, nothing of it is read or written in storage.
_NOT_IN_STORAGE = frozenset({str(PartState.SUBMITTED)})
#: Before a part has a place on its account no provider is called for it, but for a walk that happens to fall there.
_NOT_CALLED = frozenset({UNSPLIT, str(PartState.PENDING)})

FAULTS: dict[str, FaultKind] = {
    "crash before": FaultKind(_fated(Fate.CRASH_BEFORE)),
    "crash after": FaultKind(_fated(Fate.CRASH_AFTER)),
    "worker frozen": FaultKind(_freeze),
    "redis reply lost": FaultKind(_fated(Fate.LOSE_REPLY), _REDIS),
    "redis unreachable": FaultKind(_redis_unreachable, _REDIS),
    "redis rolled back": FaultKind(_roll_back),
    # What is known to be on an account is forgotten too, and with it what makes a list without a job a proof.
    "redis flushed": FaultKind(_flush_state, leaves_evidence=False),
    "broker flushed": FaultKind(_flush_broker),
    "both flushed": FaultKind(_flush_both, leaves_evidence=False),
    "message lost": FaultKind(_fated(Fate.LOSE_REPLY), _MESSAGES),
    "message doubled": FaultKind(_fated(Fate.DOUBLE), _MESSAGES),
    "message late": FaultKind(_late_message, _MESSAGES),
    "storage EIO": FaultKind(_storage_error(errno.EIO), _FILES, _NOT_IN_STORAGE),
    "storage ENOSPC": FaultKind(_storage_error(errno.ENOSPC), _FILES, _NOT_IN_STORAGE, frozenset({": "})),
    "storage reply lost": FaultKind(_fated(Fate.LOSE_REPLY), _FILES, _NOT_IN_STORAGE),
    "answer lost": FaultKind(_fated(Fate.LOSE_REPLY), _CALLS, _NOT_CALLED),
    "call unsent": FaultKind(_call_unsent, _CALLS, _NOT_CALLED),
} | {
    name: FaultKind(
        fault.strike,
        leaves_evidence=fault.leaves_evidence,
        beyond_protocol=fault.beyond_protocol,
        loses_rows=fault.loses_rows,
        only_at=fault.only_at,
        only_on=fault.only_on,
    )
    for name, fault in (PROVIDER_FAULTS | DRIFT_FAULTS).items()
}
