"""The lease of a poll turn, renewed from a thread of its own: one call of the turn may take longer than the lease."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Self

import structlog

from worker.store.errors import StoreError

if TYPE_CHECKING:
    from worker.context import Context

log = structlog.get_logger()

#: The lease is renewed this many times within its length.
RENEWALS_PER_LEASE = 3
#: Seconds after which the thread renews no more: a call that a server never ends must not end the polling.
KEPT_SECONDS_MAX = 300.0


class PollLease:
    """Keeps an account's poll turn while its calls last."""

    def __init__(self, context: Context, account: str, turn: int) -> None:
        """The turn was taken already, for the setting `rearm_period_seconds`."""
        self._context = context
        self._account = account
        self._turn = turn
        self._seconds = context.settings.rearm_period_seconds
        self._stop = threading.Event()
        # In a copy of the turn's context, so that its lines carry the turn's ids.
        keep = partial(copy_context().run, self._keep)
        self._thread = threading.Thread(target=keep, name=f"poll-{account}", daemon=True)

    def renew(self) -> bool:
        """Let the lease last its whole length from now on; False when another turn has begun."""
        return self._context.store.renew_poll(self._account, self._turn, self._seconds)

    def _keep(self) -> None:
        until = time.monotonic() + KEPT_SECONDS_MAX
        while not self._stop.wait(self._seconds / RENEWALS_PER_LEASE) and time.monotonic() < until:
            try:
                if not self.renew():
                    return
            except StoreError as error:
                log.warning("lease_not_renewed", item=self._account, error=str(error))

    def __enter__(self) -> Self:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End renewing; the turn can be ended now."""
        self._stop.set()
        self._thread.join()
