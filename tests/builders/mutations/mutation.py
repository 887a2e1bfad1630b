"""A mutation: one rule of the promise broken by one small change of the program, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DoesNotApply(Exception):
    """The text that a mutation replaces is not in its file exactly once: the mutation has to follow the program."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One exact replacement in one file."""

    name: str
    #: What the program does then, in words.
    breaks: str
    #: The file, from the root of the repository.
    path: str
    old: str
    new: str
    #: pytest's ids of tests, each of which must fail then; one without parameters means any of its cases.
    tests: tuple[str, ...]

    def apply(self, root: Path) -> None:
        """Break the rule in the copy of the program at `root`. Raises `DoesNotApply`, and nothing was changed."""
        path = root / self.path
        path.write_text(self.applied_to(path.read_text(encoding="utf-8")), encoding="utf-8")

    def applied_to(self, text: str) -> str:
        """The text of the file with the rule broken. Raises `DoesNotApply`."""
        found = text.count(self.old)
        if found != 1:
            raise DoesNotApply(
                f"{self.name}: {self.path} has the text that is to be replaced {found} times, and not once. "
                f"Let the mutation follow the program:\n{self.old}"
            )
        return text.replace(self.old, self.new)
