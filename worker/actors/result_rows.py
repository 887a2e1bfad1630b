"""Results as rows in Redis, for applications that cannot read the storage: a copy, small, and for a while.

The copy is written before the record says so, and before any event: whoever is woken finds it. What a crash leaves
behind goes by itself when its time is up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.names import result_name
from worker.storage import StorageError

if TYPE_CHECKING:
    from worker.context import Context
    from worker.core.records import UploadRecord
    from worker.core.values import ResultSummary

#: The place of a result that is wanted in Redis, too.
ROWS = "rows"

#: Why a result is not in Redis although it was wanted there.
TOO_LARGE = "too_large"
REDIS_FULL = "redis_full"


def with_rows(context: Context, upload: UploadRecord, result: ResultSummary) -> ResultSummary:
    """What the record says of a published result, which is in Redis by then if it is wanted there and small enough.

    Nothing is done twice for one summary. Raises `StorageError`, `StoreUnavailable`.
    """
    if upload.result_place != ROWS or result.rows_in_redis or result.rows_reason:
        return result
    return _put(context, upload, result)


def want_rows(context: Context, upload: UploadRecord) -> UploadRecord:
    """The record of a known upload whose result is wanted in Redis now: put there once more, or to be put there.

    The record itself where nothing changes. Raises `StoreUnavailable`.
    """
    if upload.result is None and (upload.terminal or upload.result_place == ROWS):
        return upload
    wanted = upload.model_copy(update={"result_place": ROWS, "updated_at": context.store.now()})
    if upload.result is None:
        return wanted
    try:
        result = _put(context, upload, upload.result)
    except StorageError as error:
        result = _absent(upload.result, error.reason)
    return wanted.model_copy(update={"result": result})


def _put(context: Context, upload: UploadRecord, result: ResultSummary) -> ResultSummary:
    """A copy that is there already is replaced, and lasts as long as a new one.

    Copies leave the memory to records: from the share on at which intake pauses there are no new ones.
    """
    settings = context.settings
    if result.size_bytes > settings.result_rows_bytes_max:
        return _absent(result, TOO_LARGE)
    if context.store.memory().reaches(settings.intake_memory_share, result.size_bytes):
        there = result.rows_until is not None and result.rows_until > context.store.now()
        return result if there else _absent(result, REDIS_FULL)
    rows = context.storage.read(result_name(upload.upload_id, upload.result_format), settings.result_rows_bytes_max)
    until = context.store.put_result(upload.upload_id, rows, settings.result_rows_ttl_seconds)
    return result.model_copy(update={"rows_in_redis": True, "rows_until": until, "rows_reason": ""})


def _absent(result: ResultSummary, reason: str) -> ResultSummary:
    return result.model_copy(update={"rows_in_redis": False, "rows_until": None, "rows_reason": reason})
