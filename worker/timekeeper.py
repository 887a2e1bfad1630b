"""The timekeeper: a thread in every working process that moves what is due and re-arms what was forgotten.

Each act is one atomic claim, so any number may run and none is indispensable.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog
from dramatiq.errors import BrokerConnectionError

from worker.broker.sorted_set import MOVE_MESSAGES_MAX
from worker.core.states import Lane
from worker.store.errors import StoreError, Unreadable
from worker.store.pulse import Pulse, Role

if TYPE_CHECKING:
    from worker.broker.sorted_set import SortedSetBroker
    from worker.context import Context

log = structlog.get_logger()

#: Seconds between two searches for overdue work.
REARM_SECONDS = 1.0
#: Most items re-armed by one search; when there are more, the next follows after one move of due messages.
REARM_ITEMS_MAX = 100
#: Most moves at once: when more is due than one move takes, the next follows without a wait.
MOVES_MAX = 20
#: Seconds to leave a Redis alone that does not answer.
OUTAGE_SECONDS = 1.0


class Timekeeper(threading.Thread):
    """Moves due messages and re-arms overdue work."""

    def __init__(self, context: Context, broker: SortedSetBroker) -> None:
        """Starts when asked to; stops with `stop`."""
        super().__init__(name="timekeeper", daemon=True)
        self._context = context
        self._broker = broker
        self._stopping = threading.Event()
        self._period_seconds = context.settings.timekeeper_period_seconds
        self._pulse = Pulse(context.store, Role.TIMEKEEPER, context.process)

    def run(self) -> None:
        """Keep time until stopped. An outage of Redis is waited out."""
        next_rearm = 0.0
        elapsed = 0.0
        while not self._stopping.wait(self._period_seconds):
            elapsed += self._period_seconds
            try:
                self.move()
                if elapsed >= next_rearm:
                    if self.rearm() < REARM_ITEMS_MAX:
                        next_rearm = elapsed + REARM_SECONDS
                    self.call_up()
                    self.tick()
                self._pulse.beat()
            except (StoreError, BrokerConnectionError) as error:
                log.warning("timekeeper_waits", error=str(error), seconds=OUTAGE_SECONDS)
                self._stopping.wait(OUTAGE_SECONDS)

    def move(self) -> int:
        """Hand everything that is due to its queue, as far as `MOVES_MAX` moves do; how many messages."""
        moved = 0
        for _ in range(MOVES_MAX):
            messages = self._broker.move_due()
            moved += messages
            if messages < MOVE_MESSAGES_MAX:
                break
        return moved

    def rearm(self) -> int:
        """Send a fresh hint for everything that should have been looked at and was not; how many."""
        settings = self._context.settings
        overdue = self._context.store.claim_overdue(
            settings.rearm_grace_seconds, settings.rearm_period_seconds, REARM_ITEMS_MAX
        )
        for due in overdue:
            try:
                self._send(due.account, due.lane, due.item)
            except Unreadable as error:
                self._context.leave(due.lane, due.item, error)
        if overdue:
            log.info("rearmed", items=len(overdue))
        return len(overdue)

    def call_up(self) -> None:
        """Call up the lines of all accounts: calls become free by themselves, and whoever freed a place may be gone."""
        for account in self._context.lines.accounts():
            self._context.wake_next(account)

    def tick(self) -> None:
        """Ask for the periodic walks over the remote lists; one process of all asks once in a period."""
        period = self._context.settings.reconcile_period_seconds
        for account in self._context.accounts:
            if self._context.store.tick(f"reconcile:{account}", period):
                self._context.hints.send(Lane.RECONCILE, account, 0, 0.0)

    def _send(self, account: str, lane: Lane, item: str) -> None:
        if lane is Lane.POLL:
            self._context.hint_poll(account, None)
            return
        store = self._context.store
        record = store.upload(item) if lane in {Lane.PREPARE, Lane.DELIVER} else store.part(item)
        if record is not None and record.lane is lane:
            self._context.hints.send(lane, item, record.epoch, 0.0)

    def stop(self) -> None:
        """Stop after the present act."""
        self._stopping.set()
