"""A whole world of `tests.builders.stepping` kept at one moment, and set back to it as often as wanted.

Kept are the state database, the storage, the messages on their way, the time, and both simulated providers. Processes
are not: whoever sets the world back begins another one.
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.builders.redis_copies import copy_of, put_back

if TYPE_CHECKING:
    from pathlib import Path

    from tests.builders.stepping import Stepping
    from worker.providers.sandbox.simulated import SimulatedProvider

#: What of a simulated provider is no state of its account.
FIXED = frozenset({"addresses", "clock", "folder", "key", "lock", "seed"})


class Snapshot:
    """One moment of a world."""

    def __init__(self, line: Stepping) -> None:
        """Nothing may be running."""
        self._line = line
        self._now = line.clock.now()
        self._messages = [replace(message) for message in line.messages.waiting]
        self._keys = copy_of(line.redis)
        self._storage = line.folder / "storage"
        self._copy = line.folder / "snapshot"
        _copy_folder(self._storage, self._copy)
        self._providers = [state_of(provider) for provider in (line.ipqs, line.whoisxml)]

    def restore(self) -> None:
        """Set the world back."""
        line = self._line
        line.messages.waiting[:] = [replace(message) for message in self._messages]
        put_back(line.redis, self._keys)
        line.clock.turn_to(self._now)
        _copy_folder(self._copy, self._storage)
        for provider, state in zip((line.ipqs, line.whoisxml), self._providers, strict=True):
            # The copy is copied again, so that what happens from now on is not kept in it.
            vars(provider).update(copy.deepcopy(state))


def state_of(provider: SimulatedProvider[Any]) -> dict[str, Any]:
    """A copy of everything that a simulated provider remembers of its account."""
    return copy.deepcopy({name: value for name, value in vars(provider).items() if name not in FIXED})


def _copy_folder(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
