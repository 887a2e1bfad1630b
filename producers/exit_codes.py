"""Exit codes of every `bulkverify` command: one table for the code, the commands' help and the docs."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitCode(IntEnum):
    """What a command's end means to the script that called it."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> ExitCode:  # noqa: PYI034 - an enum's member is of the enum itself
        """A member is its number; `meaning` is the sentence for people."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "Done: everything asked for was achieved."
    FAILED = 1, "An upload failed, was cancelled or was rejected, or is not known."
    USAGE = 2, "The command line, the configuration or a named file is wrong; nothing was submitted."
    ATTENTION = 3, "An upload needs a person, or its result is partial."
    NOT_FINISHED = 4, "The time given is up, or there is no result yet; the upload goes on."
    UNAVAILABLE = 5, "Redis cannot be used; a request being submitted was not accepted."
    INTERRUPTED = 130, "Interrupted with Ctrl-C; uploads already submitted go on."


#: From the outcome that most deserves to be seen to the one that least does.
_SEVERITY = (
    ExitCode.INTERRUPTED,
    ExitCode.UNAVAILABLE,
    ExitCode.USAGE,
    ExitCode.FAILED,
    ExitCode.ATTENTION,
    ExitCode.NOT_FINISHED,
    ExitCode.OK,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one exit code of a command that did several things; `OK` for none."""
    return min(codes, key=_SEVERITY.index, default=ExitCode.OK)


def exit_codes_help() -> str:
    """The table as lines for a command's help."""
    return "\n".join(f"{code.value:>3}  {code.meaning}" for code in ExitCode)
