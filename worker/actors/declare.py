"""The actors as dramatiq knows them: one for each lane, in a queue of its own, never retried by the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dramatiq

from worker.actors import collect, deliver, poll, prepare, reconcile, submit
from worker.core.states import Lane

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.context import Context

#: What runs for a message of each lane.
STEPS: dict[Lane, Callable[[Context, str, int], None]] = {
    Lane.PREPARE: prepare.run,
    Lane.SUBMIT: submit.run,
    Lane.POLL: poll.run,
    Lane.COLLECT: collect.run,
    Lane.DELIVER: deliver.run,
    Lane.RECONCILE: reconcile.run,
}
#: Queues of the worker processes, and of the poller processes: long uploads never delay a poll.
WORKER_QUEUES = frozenset({Lane.PREPARE, Lane.SUBMIT, Lane.COLLECT, Lane.DELIVER})
POLLER_QUEUES = frozenset({Lane.POLL, Lane.RECONCILE})


def declare(broker: dramatiq.Broker, context: Context) -> None:
    """Declare every actor on `broker`, to run with `context`."""
    for lane, run in STEPS.items():
        # A failure is a decision in the store, so the broker never repeats a message.
        as_actor = dramatiq.actor(actor_name=lane, queue_name=lane, broker=broker, max_retries=0)
        as_actor(_bound(context, run))


def _bound(context: Context, run: Callable[[Context, str, int], None]) -> Callable[[str, int], None]:
    def actor(item: str, epoch: int) -> None:
        run(context, item, epoch)

    actor.__doc__ = run.__doc__
    return actor
