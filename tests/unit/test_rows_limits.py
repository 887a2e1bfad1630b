"""How large an input and its parts may be."""

from __future__ import annotations

import csv

import pytest
from pydantic import ValidationError

from config.settings import Settings
from worker.rows.limits import PART_ROWS_MAX, Limits


@pytest.mark.parametrize(
    ("caps", "most_rows"),
    [((50_000, 20), 20), ((50_000, None), 50_000), ((None, 7), 7), ((None, None), PART_ROWS_MAX), ((), PART_ROWS_MAX)],
)
def test_a_part_is_as_large_as_the_least_cap_allows(caps: tuple[int | None, ...], most_rows: int) -> None:
    """Provider and account may each have a cap; where none has, as many rows as can be downloaded whole."""
    assert Limits().part_rows_max(*caps) == most_rows


def test_the_largest_cell_is_one_that_can_be_read() -> None:
    """The limit is the same with and without settings, and none that the csv module would not keep may be set."""
    assert Limits().cell_bytes_max == Limits.of(Settings()).cell_bytes_max == csv.field_size_limit()
    with pytest.raises(ValidationError, match="cell_bytes_max"):
        Settings.model_validate({"cell_bytes_max": csv.field_size_limit() + 1})


def test_limits_are_those_that_are_set() -> None:
    """Every limit with a setting is taken from there."""
    chosen = {"input_bytes_max": 1_000, "input_rows_max": 20, "columns_max": 3, "cell_bytes_max": 640}
    limits = Limits.of(Settings.model_validate(chosen))
    assert {name: getattr(limits, name) for name in chosen} == chosen
