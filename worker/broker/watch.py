"""What is measured of messages on their way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import dramatiq
import structlog

if TYPE_CHECKING:
    from dramatiq import Broker, MessageProxy

    from worker.metrics import Metrics


class MessageIds(dramatiq.Middleware):
    """Has every log line of a message's actor carry the message's id."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002 - dramatiq's signature
        """Bind the id, in the thread that runs the actor."""
        structlog.contextvars.bind_contextvars(message_id=message.message_id)

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: MessageProxy,  # noqa: ARG002 - dramatiq's signature
        *,
        result: object = None,  # noqa: ARG002 - dramatiq's signature
        exception: BaseException | None = None,  # noqa: ARG002 - dramatiq's signature
    ) -> None:
        """Forget the id: the thread goes on to another message."""
        structlog.contextvars.unbind_contextvars("message_id")

    after_skip_message = after_process_message


class Watch(dramatiq.Middleware):
    """Counts messages that fail, and measures how long messages wait in their queues, deliberate delay apart."""

    def __init__(self, metrics: Metrics) -> None:
        """`metrics` of this process."""
        self._metrics = metrics

    def before_enqueue(self, broker: Broker, message: Any, delay: int | None) -> None:  # noqa: ANN401, ARG002 - dramatiq's
        """Write down when the message is to be ready."""
        message.options["ready_at"] = time.time() + (delay or 0) / 1000

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002 - dramatiq's signature
        """Measure how long the message was ready."""
        ready_at = message.options.get("ready_at")
        if isinstance(ready_at, int | float):
            self._metrics.message_started(message.queue_name, max(time.time() - ready_at, 0.0))

    def after_process_message(
        self,
        broker: Broker,  # noqa: ARG002 - dramatiq's signature
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002 - dramatiq's signature
        exception: BaseException | None = None,
    ) -> None:
        """Count a message whose actor failed."""
        if exception is not None:
            self._metrics.message_failed(message.queue_name)
