"""The row index: one number for every row."""

from __future__ import annotations

import hashlib
import io
from array import array

import pytest

from worker.rows.errors import RowIndexDamaged
from worker.rows.index import EMPTY, WITHHELD, IndexWriter, index_bytes, read_index


def index_of(*numbers: int) -> bytes:
    """An index as a writer writes it."""
    out = io.BytesIO()
    writer = IndexWriter(out)
    writer.write(array("I", numbers))
    writer.finish()
    return out.getvalue()


def test_what_was_written_is_read() -> None:
    """Numbers and marks come back in their order, however many blocks they fill."""
    numbers = [0, EMPTY, 1, 0, WITHHELD, *range(2, 200_000)]
    read = [number for block in read_index(io.BytesIO(index_of(*numbers))) for number in block]
    assert read == numbers


def test_the_bytes_are_the_documented_ones() -> None:
    """Four bytes a row, the least significant first, on every machine; then their SHA-256."""
    numbers = bytes.fromhex("00000000 01000000 ffffffff feffffff")
    assert index_of(0, 1, EMPTY, WITHHELD) == numbers + hashlib.sha256(numbers).digest()
    assert index_bytes(4) == len(index_of(0, 1, EMPTY, WITHHELD))


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(index_of(0, 1)[:-1], id="cut"),
        pytest.param(index_of(0, 1)[4:], id="beginning lost"),
        pytest.param(index_of(0, 1, 0).replace(b"\x01", b"\x00", 1), id="another value"),
        pytest.param(index_of(0) + b"\0", id="longer"),
        pytest.param(array("I", range(100_000)).tobytes(), id="not finished"),
    ],
)
def test_what_no_staging_wrote_is_refused(damaged: bytes) -> None:
    """An index that was cut or changed is known by its digest."""
    with pytest.raises(RowIndexDamaged, match="cut or changed"):
        list(read_index(io.BytesIO(damaged)))
