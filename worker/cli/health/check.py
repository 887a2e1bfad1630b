"""A check: one thing that was looked at, what was found in a plain sentence, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMAND = re.compile(r"`(bulkverify [^`]+)`")


class State(StrEnum):
    """What was found."""

    OK = "ok"
    #: It could not be looked at.
    UNKNOWN = "unknown"
    #: Nothing is lost; somebody should see to it.
    WARNING = "warning"
    #: Work, rows or money are at stake, or nothing moves.
    PROBLEM = "problem"


#: From the state that most deserves to be seen to the one that least does.
SEVERITY = (State.PROBLEM, State.WARNING, State.UNKNOWN, State.OK)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    #: The heading under which it is told, such as `redis`, and a bounded word for it that never changes.
    area: str
    name: str
    state: State
    #: A sentence, without its full stop.
    text: str
    #: What to do, with the command in backquotes; empty where nothing is to be done.
    remedy: str = ""

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands that the remedy names."""
        return tuple(_COMMAND.findall(self.remedy))

    def as_document(self) -> dict[str, object]:
        """The same for programs."""
        return asdict(self) | {"state": str(self.state), "commands": list(self.commands)}


def ok(area: str, name: str, text: str) -> Check:
    """All is well."""
    return Check(area, name, State.OK, text)


def warning(area: str, name: str, text: str, remedy: str) -> Check:
    """Somebody should see to it."""
    return Check(area, name, State.WARNING, text, remedy)


def problem(area: str, name: str, text: str, remedy: str) -> Check:
    """Somebody must see to it."""
    return Check(area, name, State.PROBLEM, text, remedy)


def unknown(area: str, name: str, text: str, remedy: str) -> Check:
    """It could not be looked at."""
    return Check(area, name, State.UNKNOWN, text, remedy)


def most_severe_first(checks: Iterable[Check]) -> list[Check]:
    """The same, by severity; those of one severity stay in their order."""
    return sorted(checks, key=lambda check: SEVERITY.index(check.state))
