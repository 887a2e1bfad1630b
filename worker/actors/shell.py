"""What surrounds every step: stale hints fall out, crashes become decisions, leases are kept while the work lasts."""

from __future__ import annotations

import threading
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import structlog

from worker.context import item_id, written_items
from worker.core.change import lease_change
from worker.core.crash import crashed, poisoned, put_off
from worker.core.records import PartRecord, UploadRecord
from worker.core.states import Lane
from worker.correlation import ids_of, of_producer
from worker.store.errors import Stale, StoreError, StoreUnavailable, Unreadable
from worker.tracing.spans import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Context
    from worker.core.change import Change

log = structlog.get_logger()

R = TypeVar("R", UploadRecord, PartRecord)

#: Leases are renewed this many times within their length.
RENEWALS_PER_LEASE = 3
#: Times an outcome is decided anew because others wrote into the record meanwhile.
CONCLUDE_TRIES = 10


def load(context: Context, lane: Lane, item: str) -> UploadRecord | PartRecord | None:
    """The record that a hint of `lane` is about."""
    if lane in {Lane.PREPARE, Lane.DELIVER}:
        return context.store.upload(item)
    return context.store.part(item)


def fresh(context: Context, lane: Lane, item: str, epoch: int) -> UploadRecord | PartRecord | None:
    """The record that a hint is about, if the hint is still true; a stale one is counted and dropped.

    A hint is stale when its record has moved to another lane, is under a live lease, or has been leased since.
    """
    record = load(context, lane, item)
    if record is None:
        reason = "unknown"
    elif record.lane is not lane:
        reason = "moved"
    elif record.epoch != epoch:
        reason = "epoch"
    elif record.lease is not None and record.leased_now(context.store.now()):
        reason = "leased"
    else:
        return record
    context.metrics.message_stale(lane, reason)
    return None


def step(context: Context, lane: Lane, item: str, epoch: int, perform: Callable[[Context, R], None]) -> None:
    """Run one step for a hint. Nothing escapes: what nobody foresaw is logged and written as a crash of the record."""
    with structlog.contextvars.bound_contextvars(lane=str(lane), item=item, **ids_of(item)):
        try:
            record = fresh(context, lane, item, epoch)
            if record is None:
                return
            ids = structlog.contextvars.bound_contextvars(**of_producer(record))
            with ids, context.spans.step(Step.of(str(lane), record)):
                _perform(context, record, perform)
        except Stale:
            context.metrics.message_stale(lane, "raced")
        except Unreadable as error:
            _put_off(context, lane, item, error)
        except StoreUnavailable as error:
            log.warning("store_unavailable", error=str(error), remedy="the step is looked at again when Redis is back")
        except Exception as error:
            log.exception("step_crashed", error=type(error).__name__)
            _write_crash(context, lane, item, error)


def _perform(context: Context, record: UploadRecord | PartRecord, perform: Callable[[Context, R], None]) -> None:
    """The step itself, unless the record has crashed so often that a person has to look at it."""
    if record.crashes >= context.settings.crashes_max:
        context.apply(poisoned(record, context.store.now(), days=context.settings.retention_days))
    else:
        perform(context, cast("R", record))


def _put_off(context: Context, lane: Lane, item: str, error: Unreadable) -> None:
    """Leave an item to a newer process. A record that cannot be read itself is not touched: it stays due."""
    context.leave(lane, item, error)
    try:
        record = load(context, lane, item)
        now = context.store.now()
        if record is None or record.lane is not lane or _is_elsewhere(context, record, now):
            return
        context.apply(put_off(record, context.process, now, error.reason, str(error)))
    except (Stale, Unreadable):
        return
    except StoreError as second:
        log.warning("put_off_not_written", error=str(second), remedy="the step is looked at again when its lease ends")


def _is_elsewhere(context: Context, record: UploadRecord | PartRecord, now: float) -> bool:
    """Whether another process has leased the record meanwhile."""
    return record.lease is not None and record.leased_now(now) and record.lease.owner != context.process


def _write_crash(context: Context, lane: Lane, item: str, error: Exception) -> None:
    try:
        record = load(context, lane, item)
        if record is None or record.lane is not lane:
            return
        now = context.store.now()
        settings = context.settings
        kind = type(error).__name__
        context.apply(crashed(record, now, kind, crashes_max=settings.crashes_max, days=settings.retention_days))
    except StoreError as second:
        log.warning("crash_not_written", error=str(second), remedy="the step is looked at again when its lease ends")


class Keeper(Generic[R]):
    """A record under lease, renewed from a thread of its own while the work lasts."""

    def __init__(self, context: Context, record: R, seconds: float) -> None:
        """`record` is leased already, for `seconds`."""
        self._context = context
        self._record: R = record
        self._seconds = seconds
        self._progress: dict[str, object] = {}
        self._stop = threading.Event()
        # In a copy of the step's context, so that its lines carry the step's ids.
        renew = partial(copy_context().run, self._renew)
        self._thread = threading.Thread(target=renew, name=f"lease-{item_id(record)}", daemon=True)

    def progress(self, **fields: object) -> None:
        """Fields to write with the next renewal."""
        self._progress = fields

    def _renew(self) -> None:
        while not self._stop.wait(self._seconds / RENEWALS_PER_LEASE):
            try:
                self._write_renewal()
            except Stale:
                if not self._refresh():
                    log.warning("lease_lost", item=item_id(self._record))
                    return
            except StoreError as error:
                log.warning("lease_not_renewed", item=item_id(self._record), error=str(error))

    def _write_renewal(self) -> None:
        renewed = self._record.renewed(self._context.store.now(), self._seconds, **self._progress)
        written = self._context.apply(lease_change(renewed))
        self._record = renewed.written(written.txn)

    def _refresh(self) -> bool:
        """Take over what others wrote into the record meanwhile; False when the lease is not ours any more."""
        record = self._record
        lane = record.lane
        found = None if lane is None else load(self._context, lane, item_id(record))
        if not isinstance(found, type(record)) or found.lease is None or found.epoch != record.epoch:
            return False
        self._record = found
        return True

    def conclude(self, decide: Callable[[R], Change]) -> Change:
        """Write the outcome of the step, decided on the record as it is now. Raises `Stale` when the lease is lost.

        Others may write into a leased record, as a cancellation does; then the outcome is decided once more.
        """
        for _ in range(CONCLUDE_TRIES):
            change = decide(self._record)
            try:
                self._context.apply(change)
            except Stale:
                if not self._refresh():
                    raise
            else:
                return change
        raise Stale(f"{item_id(self._record)} is written by others all the time; the step is done again.")

    def __enter__(self) -> Keeper[R]:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End renewing; the outcome can be concluded now."""
        self._stop.set()
        self._thread.join()


def lease(context: Context, record: R) -> Change:
    """The change that takes the lease of a record for one step's work."""
    return lease_change(record.leased(context.process, context.store.now(), context.settings.work_lease_seconds))


def keeping(context: Context, change: Change, shape: type[R]) -> Keeper[R]:
    """Write a change that leases one record of `shape`; the keeper renews that lease. Raises `Stale` when raced."""
    written = context.apply(change)
    record = next(item for item in written_items(change) if isinstance(item, shape))
    return Keeper(context, record.written(written.txn), context.settings.work_lease_seconds)
