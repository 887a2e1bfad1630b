"""What is taken out of a block of rows by a pattern, and what is left to be read with care."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from worker.providers.port import Kind
from worker.rows.column_cells import ColumnCells
from worker.rows.dialect import Dialect, plain_values
from worker.rows.limits import Limits

#: A cell of as many characters is within the default limits, of whatever characters it is.
CELL_CHARACTERS = Limits().cell_bytes_max // 4
#: Whatever a cell has is within its own limit.
GENEROUS = Limits(cell_bytes_max=2**30)
#: Blocks with one odd row.
ODD = {
    "short": "a,b,x\na,b\n",
    "long": "a,b,x\na,b,x,y\n",
    "stray quote": 'a,b,x\na,b"b,x\n',
    "after a quote": 'a,b,x\na,"b" ,x\n',
    "open quote": 'a,b,x\na,"b,x\n',
    "no end": "a,b,x\na,b,x",
    "lone CR": "a,b,x\ra,b,x\n",
    "byte order mark": "a,b,x\n\ufeffa,b,x\n",
    "NUL": "a,b,x\na,b\0,x\n",
}


def dialect_of(columns: int, index: int, delimiter: str = ",") -> Dialect:
    """A dialect with so many columns, of which one is to be read."""
    fields = {"columns": tuple(map(str, range(columns))), "column_index": index, "delimiter": delimiter}
    return plain_values(Kind.EMAIL).model_copy(update=fields)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("1,a,x\n2,b,y\n", ["a", "b"]),
        ("1,a,x\r\n\r\n2,,y\n\n3,c,\n", ["a", "", "", "", "c"]),
        ('"1","a","x"\n2,"b",y\n', ["a", "b"]),
        ('"1,\n""1""",a,"\r,"\n2,"b""\r\nb",y\n', ["a", 'b"\r\nb']),
    ],
    ids=["plain", "blank", "quoted", "quoted breaks and pairs"],
)
def test_an_evident_block_gives_the_column(text: str, cells: list[str]) -> None:
    """Rows with all their cells, blank rows, and quotes that are where they belong are read at once."""
    assert ColumnCells(dialect_of(3, 1), Limits()).of_text(text) == cells


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_any_other_block_is_left(text: str, index: int) -> None:
    """Wherever the column is, nothing is taken out of a block with one odd row."""
    assert ColumnCells(dialect_of(3, index), Limits()).of_text(text) is None


@pytest.mark.parametrize("cell", ["{}", '"{}"'], ids=["plain", "quoted"])
@pytest.mark.parametrize("column", [0, 1])
def test_a_cell_that_may_be_beyond_a_limit_is_left(cell: str, column: int) -> None:
    """One character more than any cell of the largest size surely has, and its block is read with care."""
    cells = ["a@x.example", "a@x.example"]
    cells[column] = cell.format("x" * (CELL_CHARACTERS + 1))
    assert ColumnCells(dialect_of(2, 0), Limits()).of_text(",".join(cells) + "\n") is None


@pytest.mark.parametrize("limits", [GENEROUS, replace(GENEROUS, row_characters_max=1_000)])
def test_limits_of_rows_and_of_the_csv_module_are_kept(limits: Limits) -> None:
    """Where a cell may have any size, a row and the module that reads odd ones still have limits."""
    text = "x" * min(csv.field_size_limit() + 1, limits.row_characters_max) + ",a\n"
    assert ColumnCells(dialect_of(2, 1), limits).of_text(text) is None


def test_more_columns_than_are_allowed_are_left() -> None:
    """A list that is said to have too many columns is read with care, so that it is refused."""
    assert ColumnCells(dialect_of(3, 1), replace(Limits(), columns_max=2)).of_text("1,a,x\n") is None
