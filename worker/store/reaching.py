"""An outage of the server, in the words of the store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from worker.outages import OUTAGES
from worker.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reaching() -> Iterator[None]:
    """Raise `StoreUnavailable` for whatever says that the server cannot be reached."""
    try:
        yield
    except OUTAGES as error:
        reason = type(error).__name__
        message = f"Redis cannot be reached, did not answer in time or takes no writes ({reason})."
        raise StoreUnavailable(message) from None
