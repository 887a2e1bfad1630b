"""The exit codes at the end of a command's help."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from producers.exit_codes import ExitCode


def exit_codes(*codes: ExitCode) -> str:
    """The epilog that lists `codes` with their meanings, not re-wrapped by click."""
    return "\b\nExit codes:\n" + "\n".join(f"{code.value:>3}  {code.meaning}" for code in codes)
