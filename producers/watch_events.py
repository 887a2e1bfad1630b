"""What a watch tells as it goes: one event, as a line for people, as JSON, and as the reason beside a rejected file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from producers.outlook import outlook
from producers.report import shown

if TYPE_CHECKING:
    from pathlib import Path

    from producers.errors import ProducerError
    from producers.records import Status


class Word(StrEnum):
    """What an event of a watch tells."""

    #: The request is in the stream.
    SUBMITTED = "submitted"
    #: The workers have the list; the file was moved to `done/`.
    DONE = "done"
    #: The list will not be verified; the file was moved to `rejected/`.
    REJECTED = "rejected"
    #: The file, or the folder, cannot be used now; it is tried again.
    PROBLEM = "problem"
    #: The file was written to, or taken away, after it was submitted.
    CHANGED = "changed"
    REDIS_AWAY = "redis_away"
    REDIS_BACK = "redis_back"


@dataclass(frozen=True, slots=True)
class Why:
    """Why something is as it is: a word, a sentence, and what to do."""

    reason: str = ""
    message: str = ""
    remedy: str = ""

    @classmethod
    def of_error(cls, error: ProducerError) -> Why:
        """The same, from an error."""
        return cls(error.reason, error.message, error.remedy)

    @classmethod
    def of_status(cls, status: Status) -> Why:
        """Why an upload stands where it does."""
        message = status.message or f"Upload {status.upload_id} is {status.state}."
        return cls(status.reason or status.state, message, outlook(status))

    def __str__(self) -> str:
        """All of it in a line."""
        return " ".join(filter(None, (f"({self.reason})" if self.reason else "", self.message, self.remedy)))


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a watch. `at` is in epoch seconds by this machine's clock."""

    at: float
    event: Word
    #: The file's name in the folder; empty when the event is about no file.
    file: str = ""
    upload_id: str = ""
    #: The upload's state where it is known.
    state: str = ""
    #: Whether the upload was known before this watch submitted its list: nothing is paid for again.
    already_known: bool = False
    why: Why = Why()
    moved_to: Path | None = None

    def as_json(self) -> str:
        """One line of JSON."""
        fields = asdict(self) | {"event": str(self.event), "file": _text(self.file)}
        moved_to = _text(str(self.moved_to)) if self.moved_to else None
        return json.dumps(fields | fields.pop("why") | {"moved_to": moved_to}, ensure_ascii=False)

    def as_line(self) -> str:
        """One line for people."""
        known = "known already, nothing is paid again" if self.already_known else ""
        moved_to = f"-> {self.moved_to}" if self.moved_to else ""
        parts = (time_of(self.at), self.file, self.event, self.upload_id, self.state, known, str(self.why), moved_to)
        return shown("  ".join(filter(None, parts)))

    def as_reason(self) -> str:
        """The text of the file beside a rejected one."""
        fields = {
            "file": self.file,
            "upload_id": self.upload_id,
            "time": time_of(self.at),
            "reason": self.why.reason,
            "message": self.why.message,
            "remedy": self.why.remedy,
        }
        return "".join(f"{shown(f'{name}: {text}')}\n" for name, text in fields.items())


def time_of(at: float) -> str:
    """Epoch seconds as people read them, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _text(name: str) -> str:
    """A file's name as text that can be written anywhere, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")
