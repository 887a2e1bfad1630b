"""How large an input may be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from config.settings import Settings

#: Columns that any row may have, and how many times the columns of its list: each cell beyond these gives the result
#: another column, in every row.
ANY_ROW_COLUMNS = 64
WIDENING_FACTOR = 4

#: Rows of the largest part where neither provider nor account has a lower limit: its result has to be downloaded whole,
#: and aligned by not too many files that are open together.
PART_ROWS_MAX = 10_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input may measure at most; beyond it, staging refuses the whole input and says where."""

    input_bytes_max: int = 10 * 1024**3
    input_rows_max: int = 100_000_000
    columns_max: int = 1_000
    #: Columns of the list, where its rows may have no more than follows from them; 0 where `columns_max` is set.
    list_columns: int = 0
    #: Bytes of one cell in UTF-8; no more than the characters at which the csv module itself stops.
    cell_bytes_max: int = 131_072
    #: Characters of one row, delimiters and quotes included: what staging and delivery hold in memory.
    row_characters_max: int = 1024 * 1024

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that are set."""
        return cls(
            input_bytes_max=settings.input_bytes_max,
            input_rows_max=settings.input_rows_max,
            columns_max=settings.columns_max,
            cell_bytes_max=settings.cell_bytes_max,
        )

    def for_rows_of(self, columns: int) -> Self:
        """The limits of a list with so many columns: its rows may not have very many more."""
        most = max(ANY_ROW_COLUMNS, WIDENING_FACTOR * columns)
        return replace(self, columns_max=most, list_columns=columns) if most < self.columns_max else self

    def part_rows_max(self, *caps: int | None) -> int:
        """Rows of the largest part: the least of the caps that there are (the provider's, the account's), and ours."""
        return min(cap for cap in (*caps, PART_ROWS_MAX) if cap is not None)
