"""Places of verdicts: for every value, in order, a number of 64 bits in the machine's own order of bytes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The place of a verdict that is not there, and the array type of places.
NO_PLACE = 2**64 - 1
TYPECODE = "Q"
#: Places held in memory at a time.
BLOCK_PLACES = 256 * 1024


def write_none(out: BinaryIO, values: int) -> None:
    """Write that some values have no verdict."""
    none = array(TYPECODE, [NO_PLACE])
    for first in range(0, values, BLOCK_PLACES):
        (none * min(BLOCK_PLACES, values - first)).tofile(out)


def write_found(out: BinaryIO, values: int, found: Iterable[tuple[int, int]]) -> None:
    """Write the places of so many values; `found` are numbers, which ascend, and places of those that have one."""
    matches = iter(found)
    number, place = next(matches, (values, NO_PLACE))
    for first in range(0, values, BLOCK_PLACES):
        end = min(first + BLOCK_PLACES, values)
        places = array(TYPECODE, [NO_PLACE]) * (end - first)
        while number < end:
            places[number - first] = place
            number, place = next(matches, (values, NO_PLACE))
        places.tofile(out)
