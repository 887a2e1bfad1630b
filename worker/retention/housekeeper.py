"""The housekeeper: a thread in every worker process that purges and cleans, a bounded batch at a time.

A thread of its own, beside the timekeeper, because removing files may be slow and time must not wait for it. Each act
is done by one process at a time, so any number may run and none is indispensable.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from worker.retention.cleaning import Cleaner
from worker.retention.purging import complete_index, purge_ended
from worker.storage import StorageError
from worker.store.errors import StoreError
from worker.store.retention import CLAIM_SECONDS, Retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Context

log = structlog.get_logger()

#: Seconds between two looks at whether an act's next turn may begin.
LOOK_SECONDS = 1.0
#: Seconds after which the turn of a process that died in it may be taken by another.
TURN_SECONDS_MAX = float(CLAIM_SECONDS)


@dataclass(frozen=True, slots=True)
class Act:
    """One piece of housekeeping."""

    name: str
    #: Seconds from the end of one turn to the beginning of the next.
    period_seconds: float
    run: Callable[[], object]


class Housekeeper(threading.Thread):
    """Does each act of housekeeping whenever it is its process's turn."""

    def __init__(self, context: Context) -> None:
        """Starts when asked to; stops with `stop`."""
        super().__init__(name="housekeeper", daemon=True)
        self._context = context
        self._stopping = threading.Event()
        store, settings = context.store, context.settings
        self.retention = Retention(store)
        self.cleaner = Cleaner(store, context.storage, self.retention, settings)
        self.acts: tuple[Act, ...] = (
            Act("remove_staged", 2.0, self.cleaner.remove_staged),
            Act("purge", 5.0, lambda: purge_ended(store, self.retention, settings)),
            Act("walk_staging", 300.0, self.cleaner.walk_staging),
            Act("walk_attempts", 300.0, self.cleaner.walk_attempts),
            Act("walk_records", 300.0, self.cleaner.walk_records),
            Act("complete_index", 900.0, lambda: complete_index(self.retention, settings)),
            Act("remove_leftovers", 3600.0, self.cleaner.remove_leftovers),
            Act("drop_consumers", 3600.0, self.retention.drop_consumers),
        )

    def run(self) -> None:
        """Keep house until stopped. What Redis or the storage refuse is done in a later turn."""
        while not self._stopping.wait(LOOK_SECONDS):
            for act in self.acts:
                if self._stopping.is_set():
                    return
                try:
                    self.take_turn(act)
                except (StoreError, StorageError) as error:
                    log.warning("housekeeping_waits", act=act.name, error=str(error))
                except Exception as error:
                    log.exception("housekeeping_crashed", act=act.name, error=type(error).__name__)

    def take_turn(self, act: Act) -> bool:
        """Do an act if its turn may begin, and nobody else is at it; whether it was done."""
        owner = self._context.process
        if not self.retention.take_turn(act.name, owner, TURN_SECONDS_MAX):
            return False
        try:
            act.run()
        finally:
            self.retention.end_turn(act.name, owner, act.period_seconds)
        return True

    def stop(self) -> None:
        """Stop after the present act."""
        self._stopping.set()
