"""Cells that a spreadsheet takes for text, whichever character it separates cells at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: What a formula begins with, also in full width.
_SIGNS = r"=+\-@\uff0b\uff0d\uff1d\uff20"
#: How a cell begins that a spreadsheet may run: with such a sign, also after what may be skipped.
_FORMULA = re.compile(rf"[\s\"'\ufeff]*[{_SIGNS}\t\r\n]")
#: What spreadsheets separate cells at, by their locale and not by the file; a line break in a cell ends a row in one
#: that sees no quote at that cell's beginning.
_SEPARATORS = ";,\t\r\n"


def unformulated(delimiter: str) -> Callable[[str], str]:
    """What makes cells of a CSV with that delimiter text: an apostrophe before whatever might be run as a formula.

    That is a cell, and what would be one if another character were the delimiter, as a semicolon is to Excel in many
    countries. What follows on the file's own delimiter inside a cell is left as it is: the cell is quoted.
    """
    others = re.escape(_SEPARATORS.replace(delimiter, ""))
    inside = re.compile(rf"([{others}])(?=(?:[^\S\t\r\n]|[\"'\ufeff])*[{_SIGNS}])")

    def as_text(cell: str) -> str:
        text = f"'{cell}" if _FORMULA.match(cell) else cell
        return inside.sub(r"\1'", text)

    return as_text
