"""Waiting for something that other processes do, with a limit."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(holds: Callable[[], bool], *, seconds: float = 30.0, what: str = "the condition") -> None:
    """Return as soon as `holds()` is true; fail the test if it is not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not hold within {seconds} s"
        threading.Event().wait(0.01)
