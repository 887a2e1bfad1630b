"""What an earlier download of a part's result has left in storage."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from worker.core.salvage import Download
from worker.providers.port import Kind
from worker.rows.collected import read_placed
from worker.rows.digest import MeasuredInput
from worker.rows.errors import CollectedUnreadable
from worker.rows.plain import fold_keys
from worker.rows.values import ValuesDigest
from worker.storage import NotFound

if TYPE_CHECKING:
    from worker.core.records import PartRecord
    from worker.storage import Storage


def first_download(storage: Storage, part: PartRecord) -> Download | None:
    """The verdicts that the part's record names, `None` unless storage has them as they were written.

    Raises `StorageError`.
    """
    if part.verdicts_object is None:
        return None
    values, rows = ValuesDigest(), 0
    try:
        with storage.open(part.verdicts_object) as source:
            measured = MeasuredInput(source)
            for _, answered, _ in read_placed(io.BufferedReader(measured), part.verdicts_object):
                rows += len(answered)
                values.add(map(str.encode, fold_keys(Kind(part.kind), answered)))
    except (NotFound, CollectedUnreadable):
        return None
    if measured.sha256 != part.verdicts_digest:
        return None
    return Download(part.verdicts_object, measured.sha256, rows, same_values=values.hexdigest() == part.digest)
