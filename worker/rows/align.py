"""Alignment: for every value that was sent, the place of the verdict that speaks of it.

A value finds the verdict with its own fold key; failing that, one that differs from it in nothing but case, since
providers answer in lower case as they like (not so for passwords). A verdict on one value is never given to another:
`worker.rows.twins` says what becomes of values that differ in case only. Otherwise the first of several counts. A
part's verdicts speak of that part's values; of any other they are extra.

Providers mostly answer in the order in which they were asked, and leave nothing out but at the end: such an answer is
aligned by going through both files once. Any other is aligned by keys.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from worker.rows.align_by_keys import ByKeys
from worker.rows.part_files import ColumnNames, read_answers, read_sent
from worker.rows.plain import fold_keys
from worker.rows.scratch import scratch_errors
from worker.rows.values import loose_key
from worker.rows.verdict_places import TYPECODE, write_none

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.providers.port import Kind
    from worker.rows.collected import CollectedPart, SentPart


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the verdicts of an upload are."""

    #: A place for every value of every part, in order (see `worker.rows.verdict_places`).
    path: Path
    #: The provider's columns in the order they were first seen.
    columns: tuple[str, ...]
    #: Verdicts on values that were not sent, or on some of which nobody knows which.
    extra_verdicts: int
    #: Further verdicts on a value that had one.
    duplicate_verdicts: int


class _Order(Enum):
    """How the verdicts of a part came."""

    AS_SENT = "as sent"
    #: In the order of the values, which they spell in another case.
    RECASED = "recased"
    ANY = "any"


def align(parts: Sequence[SentPart], kind: Kind, folder: Path) -> Alignment:
    """Align the verdicts of all `parts`, using the private `folder`, which exists.

    Raises `CollectedUnreadable` or `ScratchFailed`.
    """
    path = folder / "alignment"
    columns = ColumnNames()
    extra = duplicate = 0
    with scratch_errors(path), path.open("wb+") as out:
        for part in parts:
            if part.collected is None:
                write_none(out, part.rows)
                continue
            order = _align_in_order(part, part.collected, kind, columns, out)
            if order is not _Order.AS_SENT:
                by_keys = ByKeys(part, part.collected, kind, recased=order is _Order.RECASED)
                by_keys.align(columns, folder, out)
                extra += by_keys.extra
                duplicate += by_keys.duplicate
    return Alignment(path, columns.names, extra, duplicate)


def _align_in_order(part: SentPart, found: CollectedPart, kind: Kind, columns: ColumnNames, out: BinaryIO) -> _Order:
    """Write a part's places when its verdicts came in the order of its values, as these are; else write none.

    From some value on there may be no verdicts. Keys differ, so each of them is the only one on its value, and no value
    without one may share another's.
    """
    start = out.tell()
    sent = read_sent(part, found)
    order = _Order.AS_SENT
    for places, values in read_answers(part, found, columns):
        mine = list(islice(sent, len(values)))
        if values != mine:
            order = _order(kind, fold_keys(kind, values), fold_keys(kind, mine), order)
        if order is _Order.ANY:
            break
        if order is _Order.AS_SENT:
            array(TYPECODE, places).tofile(out)
    if order is _Order.AS_SENT:
        write_none(out, sum(1 for _ in sent))
    else:
        out.seek(start)
        out.truncate()
    return order


def _order(kind: Kind, answered: Sequence[str], sent: Sequence[str], order: _Order) -> _Order:
    """How some more verdicts came, and all before them, by their keys and those of the values in their places."""
    if answered == sent:
        return order
    loose = [[loose_key(kind, key) for key in keys] for keys in (answered, sent)]
    return _Order.RECASED if loose[0] == loose[1] else _Order.ANY
