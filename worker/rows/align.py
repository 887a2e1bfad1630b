"""Alignment: for every value that was sent, the place of the verdict that speaks of it.

A value finds the verdict with its own fold key; failing that, the only verdict that differs from it in nothing but
case, since providers answer in lower case as they like (not so for passwords). A verdict on one value is never given to
another: values that differ in case only share one that came as often as they were sent. Otherwise the first of several
counts. A part's verdicts speak of that part's values; of any other they are extra.

Providers mostly answer in the order in which they were asked, and leave nothing out but at the end: such an answer is
aligned by going through both files once. Any other is aligned by keys, in buckets of which one at a time is in memory.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.align_by_keys import BLOCK_PLACES, NO_PLACE, TYPECODE, ByKeys
from worker.rows.errors import ScratchFailed
from worker.rows.part_files import ColumnNames, read_answers, read_sent
from worker.rows.plain import fold_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.collected import CollectedPart, SentPart


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the verdicts of an upload are."""

    #: A place for every value of every part, in order: numbers of 64 bits in the machine's own order of bytes.
    path: Path
    #: The provider's columns in the order they were first seen.
    columns: tuple[str, ...]
    #: Verdicts on values that were not sent.
    extra_verdicts: int
    #: Further verdicts on a value that had one.
    duplicate_verdicts: int


def align(parts: Sequence[SentPart], kind: Kind, folder: Path) -> Alignment:
    """Align the verdicts of all `parts`, using the private `folder`, which exists.

    Raises `CollectedUnreadable` or `ScratchFailed`.
    """
    path = folder / "alignment"
    columns = ColumnNames()
    extra = duplicate = 0
    try:
        with path.open("wb+") as out:
            for part in parts:
                if part.collected is None:
                    _write_none(out, part.rows)
                elif not _align_in_order(part, part.collected, kind, columns, out):
                    by_keys = ByKeys(part, part.collected, kind, folder)
                    by_keys.align(columns, out)
                    extra += by_keys.extra
                    duplicate += by_keys.duplicate
    except OSError as error:
        raise ScratchFailed(
            f"{path.name} cannot be written ({error.strerror}); check free space and permissions of its folder",
        ) from error
    return Alignment(path, columns.names, extra, duplicate)


def _align_in_order(part: SentPart, found: CollectedPart, kind: Kind, columns: ColumnNames, out: BinaryIO) -> bool:
    """Write a part's places when its verdicts came in the order of its values; else return False and write none.

    From some value on there may be no verdicts. Keys differ, so each of them is the only one on its value, and no value
    without one may share another's.
    """
    start = out.tell()
    sent = read_sent(part, found)
    for places, values in read_answers(part, found, columns):
        mine = list(islice(sent, len(values)))
        if values != mine and fold_keys(kind, values) != fold_keys(kind, mine):
            out.seek(start)
            out.truncate()
            return False
        array(TYPECODE, places).tofile(out)
    _write_none(out, sum(1 for _ in sent))
    return True


def _write_none(out: BinaryIO, values: int) -> None:
    """Write that some values have no verdict."""
    none = array(TYPECODE, [NO_PLACE])
    for first in range(0, values, BLOCK_PLACES):
        (none * min(BLOCK_PLACES, values - first)).tofile(out)
