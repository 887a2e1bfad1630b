"""What is known of one log event before it is ever written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Levels as they stand in a line and in the label of the counter, the least severe first.
Level = Literal["debug", "info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event: its name is the first argument of the calls that log it, its fields are their keyword arguments."""

    name: str
    level: Level
    meaning: str
    #: Fields that the calls name, in alphabetical order; which of them a line has may depend on the call.
    fields: tuple[str, ...] = ()
    #: What to do about it; empty for what asks for nothing.
    remedy: str = ""
    #: Whether a call adds fields that depend on what it tells of.
    more_fields: bool = False
    #: Levels of further calls.
    also: tuple[Level, ...] = ()

    @property
    def levels(self) -> tuple[Level, ...]:
        """Every level at which it is logged."""
        return (self.level, *self.also)
