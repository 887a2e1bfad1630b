"""What a command says of one upload at its end: a line for people, a JSON document for programs, an exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from producers.contract import PURGED_PREFIX, TERMINAL_STATES, UploadState
from producers.errors import (
    FolderUnusable,
    NoResult,
    NotConfigured,
    ProducerError,
    Rejected,
    RequestInvalid,
    SourceUnusable,
    Unavailable,
    WaitTimeout,
)
from producers.exit_codes import ExitCode
from producers.outlook import outlook
from producers.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    from producers.records import Status

#: State of a request that is in the stream and of which no record exists yet.
REQUESTED = "requested"
#: State of a request that intake did not accept.
REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Report:
    """How one upload stands when the command ends."""

    upload_id: str
    #: A state of the upload, `requested`, `rejected`, or `unknown`.
    state: str
    code: ExitCode
    file: str | None = None
    #: Whether it was known before this command submitted it.
    already_known: bool = False
    reason: str = ""
    message: str = ""
    remedy: str = ""
    result: Result | None = None
    #: Where the result was copied to.
    output: Path | None = None

    def as_json(self) -> str:
        """One line of JSON."""
        result: dict[str, Any] | None = None
        if self.result is not None:
            result = self.result.model_dump(mode="json", exclude={"upload_id", "state"})
            result["path"] = str(self.result.path) if self.result.path else None
        return json.dumps(
            {
                "upload_id": self.upload_id,
                "file": self.file,
                "state": self.state,
                "already_known": self.already_known,
                "reason": self.reason,
                "message": self.message,
                "remedy": self.remedy,
                "result": result,
                "output": str(self.output) if self.output else None,
                "exit_code": int(self.code),
            },
            ensure_ascii=False,
        )

    def as_text(self) -> str:
        """One line for people."""
        if self.result is not None and not self.failed:
            told = f"{_counts(self.result)}  {self.output or self.result.path or self.result.url}"
        else:
            why = f"({self.reason})" if self.reason else ""
            told = " ".join(filter(None, (why, _sentence(self.message), self.remedy))) or self.file or ""
        return shown("  ".join(filter(None, (self.upload_id, self.state, told))))

    @property
    def failed(self) -> bool:
        """Whether what was asked for cannot be had."""
        return self.code not in (ExitCode.OK, ExitCode.ATTENTION)

    def with_error(self, error: ProducerError) -> Report:
        """The same upload, of which something more was asked and failed."""
        return replace(self, code=exit_code_of(error), reason=error.reason, message=error.message, remedy=error.remedy)


def report_of_status(status: Status, file: str | None = None) -> Report:
    """The report on an upload that is waited for no longer."""
    return Report(
        upload_id=status.upload_id,
        state=status.state,
        code=_code_of_status(status),
        file=file,
        reason=status.reason,
        message=status.message,
        remedy="" if status.outcome == UploadState.COMPLETED else outlook(status),
        result=Result.of(status) if status.result is not None else None,
    )


def report_of_result(result: Result) -> Report:
    """The report on an upload whose result was asked for."""
    whole = result.state == UploadState.COMPLETED and not result.partial
    return Report(result.upload_id, result.state, ExitCode.OK if whole else ExitCode.ATTENTION, result=result)


def report_of_error(upload_id: str, error: ProducerError, file: str | None = None) -> Report:
    """The report on an upload of which an error is known."""
    state = REJECTED if isinstance(error, Rejected) else getattr(error, "state", None) or "unknown"
    return Report(upload_id, state, exit_code_of(error), file).with_error(error)


def exit_code_of(error: ProducerError) -> ExitCode:
    """The exit code of a command that an error ended."""
    match error:
        case Unavailable():
            return ExitCode.UNAVAILABLE
        case WaitTimeout():
            return ExitCode.NOT_FINISHED
        case NotConfigured() | SourceUnusable() | FolderUnusable() | RequestInvalid():
            return ExitCode.USAGE
        case NoResult(state=UploadState.ATTENTION):
            return ExitCode.ATTENTION
        case NoResult(state=str(state)) if state.removeprefix(PURGED_PREFIX) not in TERMINAL_STATES:
            return ExitCode.NOT_FINISHED
        case _:
            return ExitCode.FAILED


def _sentence(text: str) -> str:
    """The text with an end, so that another sentence may follow it."""
    return text if not text or text[-1] in ".!?" else f"{text}."


def shown(text: str) -> str:
    """Text that others wrote, on one line and without anything that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _code_of_status(status: Status) -> ExitCode:
    match status.outcome:
        case UploadState.FAILED | UploadState.CANCELLED:
            return ExitCode.FAILED
        case UploadState.ATTENTION:
            return ExitCode.ATTENTION
        case UploadState.COMPLETED:
            return ExitCode.ATTENTION if status.result is not None and status.result.partial else ExitCode.OK
        case _:
            return ExitCode.OK


def _counts(result: Result) -> str:
    verdicts = ", ".join(f"{count:,} {word}" for word, count in result.verdicts.model_dump().items() if count)
    missing = f", {result.counts.missing:,} missing" if result.partial else ""
    return f"{result.counts.rows:,} rows: {verdicts or 'no verdicts'}{missing}"
