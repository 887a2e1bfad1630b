"""The lines of the accounts in the store: who stands there, and who is called up. See `worker.core.line`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from worker.core.states import Lane
from worker.store.keys import KEY_PREFIX
from worker.store.reaching import reaching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.core.line import Room
    from worker.store.store import Store

#: Seconds ahead for which calls are handed out: what the gate waits for a token, and the time between two rounds.
AHEAD_SECONDS = 1.0
#: Seconds that a part which was called is expected to come: so long it takes up room.
COMING_SECONDS = 10.0
#: Calls for which there must be room when a result is to be collected: what tells its links, and its download.
COLLECT_CALLS = 2
#: Lanes whose parts stand in lines.
LINED_LANES = (Lane.COLLECT, Lane.SUBMIT)


class Called(NamedTuple):
    """A part whose turn it is."""

    lane: Lane
    part_id: str
    #: Seconds until the call that it waits for is free.
    delay_seconds: float


class Lines:
    """The lines in one store. Every method may raise `StoreUnavailable`."""

    def __init__(self, store: Store) -> None:
        """Works on `store`, by its clock."""
        self._store = store
        self._client: Any = store.client

    def accounts(self) -> list[str]:
        """Accounts with anybody in a line, or called and not come yet."""
        with reaching():
            names: list[str] = self._client.zrange(self._store.key("lines"), 0, -1)
        return sorted({name.rpartition("|")[0] for name in names})

    def exist(self, account: str) -> bool:
        """Whether anybody stands in a line of the account, or was called and has not come yet."""
        with reaching():
            found = self._client.zmscore(self._store.key("lines"), [f"{account}|{lane}" for lane in LINED_LANES])
        return any(score is not None for score in found)

    def hold(self, account: str, lane: Lane, part_id: str) -> bool:
        """Whether a part stands in the account's line, and was not called."""
        with reaching():
            return self._client.zscore(self._store.key("line", account, lane), part_id) is not None

    def standing(self, account: str, part_ids: Sequence[str]) -> frozenset[str]:
        """Those of the parts that stand in a line of the account, and were not called."""
        if not part_ids:
            return frozenset()
        standing: set[str] = set()
        for lane in LINED_LANES:
            with reaching():
                turns = self._client.zmscore(self._store.key("line", account, lane), part_ids)
            standing.update(part_id for part_id, turn in zip(part_ids, turns, strict=True) if turn is not None)
        return frozenset(standing)

    def call_up(self, account: str, room: Room) -> list[Called]:
        """The parts whose turn it is, each told to one caller; those that do not come are due again all the same."""
        flat = self._store.run_script(
            "call_up",
            [KEY_PREFIX],
            account,
            room.collect_max,
            room.submit_max,
            room.interval_seconds,
            room.burst_calls,
            AHEAD_SECONDS,
            COMING_SECONDS,
            room.active_max,
            -1 if room.intents_max is None else room.intents_max,
            min(COLLECT_CALLS, room.burst_calls),
        )
        return [Called(Lane(flat[i]), flat[i + 1], float(flat[i + 2])) for i in range(0, len(flat), 3)]
