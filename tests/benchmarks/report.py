"""What a benchmark leaves behind: its figures, each against what it is compared with and the goal it is held to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from pathlib import Path

#: What a cell of a table, or a setting, may be.
Cell = str | int | float | bool | None


class Figure(BaseModel):
    """One thing that was measured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    #: Unit of `value` and of `against`, such as "s", "calls", "bytes" or "1/s".
    unit: str
    value: float
    #: The same thing measured of what ours is compared with, in the same run.
    against: float | None = None
    #: `value / against`, or whatever ratio the goal speaks of.
    ratio: float | None = None
    #: The goal in words that a reader can check against the numbers beside it; None: a figure for information.
    goal: str | None = None
    met: bool | None = None

    @model_validator(mode="after")
    def _judged(self) -> Self:
        if (self.goal is None) != (self.met is None):
            message = f"The figure {self.what!r} needs a goal and whether it is met, or neither."
            raise ValueError(message)
        return self


class Table(BaseModel):
    """Rows of numbers behind the figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    columns: list[str]
    rows: list[list[Cell]]

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            message = f"The table {self.title!r} needs {len(self.columns)} cells in every row."
            raise ValueError(message)
        return self


class Report(BaseModel):
    """All that one program measured in one run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: The program: `python -m tests.benchmarks.NAME`.
    name: str
    settings: dict[str, Cell]
    figures: list[Figure]
    tables: list[Table] = []

    def write(self, path: Path) -> None:
        """Write the report as JSON that reads well in a diff."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The report in a file; raises pydantic's `ValidationError` where it has another shape."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
