"""The limits of one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.rows.errors import CellTooLarge, TooManyColumns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.rows.csv_rows import CsvRows
    from worker.rows.limits import Limits


def check_row(row: Sequence[str], reader: CsvRows, limits: Limits, name: str) -> None:
    """Raise `TooManyColumns` or `CellTooLarge` for a row beyond the limits, which `reader` gave last."""
    if len(row) > limits.columns_max:
        raise TooManyColumns(f"{name}: the row on line {reader.line} has {len(row)} cells, {_most(limits)}")
    # A character takes at most four bytes: a short row cannot hold a cell that is too large.
    if reader.row_characters * 4 > limits.cell_bytes_max:
        largest = max((len(cell.encode()) for cell in row), default=0)
        if largest > limits.cell_bytes_max:
            raise CellTooLarge(
                f"{name}: the row on line {reader.line} has a cell of {largest} bytes, the most is "
                f"{limits.cell_bytes_max}; shorten it, close a quote that was left open, or see "
                "BULKVERIFY_CELL_BYTES_MAX",
            )


def _most(limits: Limits) -> str:
    """How many cells a row may have, why, and what to do."""
    wrongly = "set options.delimiter if cells were split wrongly"
    if limits.list_columns:
        return (
            f"where the list has {limits.list_columns} columns; {limits.columns_max} would be the most, as every row "
            f"of the result would get them all: repair the row, or {wrongly}"
        )
    return f"the most is {limits.columns_max}; drop columns, {wrongly}, or see BULKVERIFY_COLUMNS_MAX"
