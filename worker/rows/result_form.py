"""What form a result has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResultForm:
    """The form of a result, as it was asked for."""

    #: `csv`: the input's own rows with cells added; `jsonl`: JSON Lines, an object for every row.
    format: str = "csv"
    #: Whether every cell that a spreadsheet would run as a formula is to get an apostrophe before it.
    spreadsheet_safe: bool = False
