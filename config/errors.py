"""What can be wrong with a configuration. An error holds all problems at once, and no value that may be a secret.

ConfigError
├── SettingsInvalid   an environment variable `BULKVERIFY_*` is unknown or cannot be used
├── AccountsInvalid   the accounts file cannot be read, or an account in it cannot be used
└── ExtraMissing      a setting needs a library that is not installed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Most characters of a fault, of its place or of its remedy: a name or a number in them may be as long as a file.
TEXT_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do about it."""

    #: The variable, or the account and field.
    subject: str
    fault: str
    remedy: str

    def __str__(self) -> str:
        """Two lines: the fault, and the remedy under it; nothing in them that a terminal would obey."""
        return f"{_shown(self.subject)} {_shown(self.fault)}.\n    {_shown(self.remedy)}"


def _shown(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return printable if len(printable) <= TEXT_CHARACTERS_MAX else printable[:TEXT_CHARACTERS_MAX] + "…"


class ConfigError(Exception):
    """The configuration cannot be used."""

    def __init__(self, headline: str, problems: Sequence[Problem]) -> None:
        """`str()` of the error is the headline and the complete list, ready to be printed."""
        if not problems:
            msg = "a configuration error names at least one problem"
            raise ValueError(msg)
        super().__init__("\n".join([headline, *(f"  {problem}" for problem in problems)]))
        self.problems = tuple(problems)


class SettingsInvalid(ConfigError):
    """Environment variables that are unknown or cannot be used."""


class AccountsInvalid(ConfigError):
    """The accounts file, or accounts in it, that cannot be used."""


class ExtraMissing(ConfigError):
    """A setting that needs a library which comes with an extra of the program."""
