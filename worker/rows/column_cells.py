"""The cells of the column that holds values, many rows at a time.

Most blocks of a list are evident: every row of theirs has a cell for each column, or is blank, and every double quote
opens or closes a cell, or is one of a pair in between. One pass of a pattern takes the column out of such a block, and
makes nothing of the other cells. Out of any other block it is taken row by row.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from worker.rows.csv_rows import NO_DELIMITER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.rows.dialect import Dialect
    from worker.rows.limits import Limits

#: Pairs of quotes in one evident cell. A cell with more is mostly JSON, which the csv module reads faster.
_PAIRS_MAX = 8


class ColumnCells:
    """Takes the dialect's column out of rows, and notes which of them are shaped otherwise than the dialect says."""

    def __init__(self, dialect: Dialect, limits: Limits) -> None:
        self._index = dialect.column_index
        self._columns = len(dialect.columns)
        allowed = self._columns <= limits.columns_max
        self._evident_rows = _evident_rows(dialect, limits) if allowed else None
        #: Rows, blank ones apart, that do not have as many cells as there are columns.
        self.ragged = 0
        #: Cells of the longest of these.
        self.width = 0

    def of_rows(self, rows: Sequence[Sequence[str]]) -> list[str]:
        """The cells of the column; blank where a row has none."""
        widths = list(map(len, rows))
        if widths.count(self._columns) < len(rows):
            ragged = [width for width in widths if width not in (0, self._columns)]
            self.ragged += len(ragged)
            self.width = max(self.width, *ragged, 0)
        return [row[self._index] if self._index < len(row) else "" for row in rows]

    def of_text(self, text: str) -> list[str] | None:
        """The cells of the column in a text that begins with a row; None when the text is not evident."""
        if self._evident_rows is None or "\0" in text or "\ufeff" in text:
            return None
        cells = self._evident_rows.findall(text)
        # What comes after the last evident row is found without a cell. A blank row at the end is taken for that, too.
        if not cells[-1]:
            return None
        return [_unquoted(cell) if '"' in cell else cell for cell in cells] if '"' in text else cells


def _evident_rows(dialect: Dialect, limits: Limits) -> re.Pattern[str]:
    """Finds the rows of a text that are evident and certainly within limits, each with the cell of the column.

    All that comes after them is found as one more row whose cell is empty.
    """
    columns = len(dialect.columns)
    delimiter = dialect.delimiter or NO_DELIMITER
    # A character takes at most four bytes, and a row has a delimiter after each cell, or one line break of two.
    most = min(limits.cell_bytes_max // 4, csv.field_size_limit(), (limits.row_characters_max - 1) // columns - 1)
    # What a quoted cell may have is dealt out to the pairs of quotes and to the text between them.
    pairs = min(_PAIRS_MAX, most // 4)
    between = rf'[^"]{{0,{max((most - 2) // (pairs + 1) - 2, 0)}}}+'
    quoted = rf'"{between}(?:""{between}){{0,{pairs}}}"'
    cell = rf'(?:{quoted}|[^"\r\n{re.escape(delimiter)}]{{0,{most}}}+)'
    cells = [cell] * columns
    cells[dialect.column_index] = f"({cell})"
    return re.compile(rf"(?:{re.escape(delimiter).join(cells)})?\r?\n|[\s\S]++")


def _unquoted(cell: str) -> str:
    """The text of an evident cell that is quoted."""
    return cell[1:-1].replace('""', '"')
