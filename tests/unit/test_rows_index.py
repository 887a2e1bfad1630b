"""The row index: one number for every row."""

from __future__ import annotations

import io
from array import array

import pytest

from worker.rows.errors import RowIndexDamaged
from worker.rows.index import EMPTY, WITHHELD, IndexWriter, read_index


def index_of(*numbers: int) -> bytes:
    """An index as a writer writes it."""
    out = io.BytesIO()
    IndexWriter(out).write(array("I", numbers))
    return out.getvalue()


def test_what_was_written_is_read() -> None:
    """Numbers and marks come back in their order, however many blocks they fill."""
    numbers = [0, EMPTY, 1, 0, WITHHELD, *range(2, 200_000)]
    read = [number for block in read_index(io.BytesIO(index_of(*numbers))) for number in block]
    assert read == numbers


def test_the_bytes_are_the_documented_ones() -> None:
    """Four bytes a row, the least significant first, on every machine."""
    assert index_of(0, 1, EMPTY, WITHHELD) == bytes.fromhex("00000000 01000000 ffffffff feffffff")


@pytest.mark.parametrize(
    ("damaged", "place"),
    [
        (index_of(0, 1)[:-1], "ends within the number of row 2"),
        (index_of(1), "number 1 at row 1, the highest can be 0"),
        (index_of(0, 0, 2), "number 2 at row 3, the highest can be 1"),
        (index_of(0, WITHHELD - 1), "at row 2"),
    ],
)
def test_what_no_staging_wrote_is_refused(damaged: bytes, place: str) -> None:
    """A cut index, or a number that skips one, is refused with the row."""
    with pytest.raises(RowIndexDamaged, match=place):
        list(read_index(io.BytesIO(damaged)))
