"""The hooks for traces. Every method does nothing by default: that is how a process without traces runs."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.core.values import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.core.records import PartRecord, UploadRecord

#: A trace that nobody has begun.
NO_TRACE = Trace()


@dataclass(frozen=True, slots=True)
class Step:
    """One step, by words of which there are few: no id, no file name, no value."""

    #: The lane, or `intake`.
    lane: str
    account: str = ""
    provider: str = ""
    kind: str = ""
    #: What the step belongs to, and when that was begun, epoch seconds.
    trace: Trace = NO_TRACE
    created_at: float = math.inf

    @classmethod
    def of(cls, lane: str, record: UploadRecord | PartRecord) -> Step:
        """A step on an upload or a part."""
        return cls(lane, record.account, record.provider, record.kind, record.trace, record.created_at)


class Spans:
    """What is told of steps and calls while they happen. Safe to use from several threads."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """The step lasts as long as the block; log lines inside carry its `trace_id` and `span_id`."""
        del step
        return nullcontext()

    def call(self, provider: str, account: str, operation: str, outcome: str, seconds: float) -> None:
        """A call of a provider has ended now, within the present step; the words are those of `Reporter`."""

    def serves(self, traces: Iterable[Trace]) -> None:
        """The present step, on an account, is about uploads of these traces too."""

    def begun(self, trace: Trace) -> Trace:
        """The trace that a new upload belongs to: the one that was given, else the present step's."""
        return trace

    def close(self) -> None:
        """Send what is left, for a bounded time."""
