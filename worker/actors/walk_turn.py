"""The turn to walk an account's list: one walk serves everybody, under a lease that lasts as long as it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.accounts import write_account
from worker.core.account import begin_walk, end_walk, renew_walk
from worker.core.values import Lease

if TYPE_CHECKING:
    from worker.context import Connected, Context

#: Lease of a walk, seconds: when its process is gone another may begin. It outlasts the wait for a token and a call.
WALK_SECONDS = 300.0
#: Seconds after which a walk that goes on has its lease renewed.
WALK_RENEW_SECONDS = 60.0


class WalkTurn:
    """One process's turn at one account."""

    def __init__(self, context: Context, connected: Connected, now: float) -> None:
        """Nothing is taken before `begin`, which is called at once; `now` is the store's time."""
        self._context = context
        self._connected = connected
        self._lease = Lease(owner=context.process, until=now + WALK_SECONDS)

    def begin(self) -> bool:
        """Take the turn; False when it is another's."""
        now = self._lease.until - WALK_SECONDS
        return write_account(self._context, self._connected, lambda record: begin_walk(record, self._lease, now))

    def go_on(self) -> None:
        """Renew the lease if that is due."""
        lease, until = self._lease, self._context.store.now() + WALK_SECONDS
        if until - lease.until < WALK_RENEW_SECONDS:
            return
        renewed = Lease(owner=lease.owner, until=until)
        if write_account(self._context, self._connected, lambda record: renew_walk(record, lease, renewed)):
            self._lease = renewed

    def end(self) -> None:
        """Give the turn back, unless it is another's already."""
        write_account(self._context, self._connected, lambda record: end_walk(record, self._lease))
