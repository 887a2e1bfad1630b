"""Hints as dramatiq messages: ids, an epoch and the schema version, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

from worker.broker.newer import VERSION_OPTION
from worker.core.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from worker.core.states import Lane

log = structlog.get_logger()


class BrokerHints:
    """Sends each hint to the actor of its lane; implements `worker.context.Hints`."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        """The actors are declared on `broker`, one for each lane, under the lane's name."""
        self._broker = broker

    def send(self, lane: Lane, item: str, epoch: int, delay_seconds: float) -> None:
        """Ask the actor of `lane` to look at `item` in `delay_seconds`.

        A hint that cannot be sent is logged and left to the timekeeper: what it is about is in the due set.
        """
        try:
            actor: dramatiq.Actor[..., None] = self._broker.get_actor(lane)
            version: dict[str, Any] = {VERSION_OPTION: SCHEMA_VERSION}
            actor.send_with_options(args=(item, epoch), delay=int(delay_seconds * 1000) or None, **version)
        except dramatiq.errors.BrokerConnectionError as error:
            log.warning("hint_not_sent", lane=str(lane), item=item, error=str(error))
