"""What a recovery has found and made again, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from producers.exit_codes import ExitCode
from worker.core.retry import UNSENT_REASON
from worker.core.states import PartState

if TYPE_CHECKING:
    from worker.core.change import Change

#: Uploads that are named in each list of a report; of the others it is told how many there are.
NAMED_MAX = 20


@dataclass(slots=True)
class Tally:
    """What one run of the command has come to."""

    #: Uploads that were made again, or would be, by their state; and those that Redis knows.
    uploads: Counter[str] = field(default_factory=Counter)
    known: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    #: Credits of jobs that are paid for and known again, and of attempts that may be and are searched for.
    credits_safe: int = 0
    credits_unclear: int = 0
    #: Parts that were never sent and wait for a word, and those that go on.
    unsent_stopped: int = 0
    unsent_going_on: int = 0
    #: Uploads that only their producers can bring back, and those that could not be read, with what is wrong.
    to_ask_again: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Count an upload that was made again."""
        (upload,) = change.uploads
        self.uploads[str(upload.state)] += 1
        self.rows += upload.rows
        for part in change.parts:
            self.parts[str(part.state)] += 1
            self.credits_safe += part.credits_committed
            self.credits_unclear += part.credits_reserved
            self.unsent_stopped += part.reason == UNSENT_REASON
            self.unsent_going_on += part.state is PartState.PENDING

    @property
    def code(self) -> ExitCode:
        """The exit code of the command."""
        if self.failures:
            return ExitCode.FAILED
        return ExitCode.ATTENTION if self.to_ask_again or self.unsent_stopped else ExitCode.OK

    def as_document(self, *, dry_run: bool) -> dict[str, object]:
        """The counts for programs."""
        return {
            "dry_run": dry_run,
            "uploads": dict(self.uploads),
            "uploads_known": self.known,
            "parts": dict(self.parts),
            "rows": self.rows,
            "credits_safe": self.credits_safe,
            "credits_unclear": self.credits_unclear,
            "parts_unsent_stopped": self.unsent_stopped,
            "parts_unsent_going_on": self.unsent_going_on,
            "to_ask_again": self.to_ask_again,
            "failures": self.failures,
            "code": int(self.code),
        }
