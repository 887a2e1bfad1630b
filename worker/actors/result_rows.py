"""Results as rows in Redis, for applications that cannot read the storage: a copy of the CSV, small, and for a while.

The copy is written before the record says so, and before any event: whoever is woken finds it. What a crash leaves
behind goes by itself when its time is up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.names import result_name

if TYPE_CHECKING:
    from worker.context import Context
    from worker.core.records import ResultSummary

#: Why a result is not in Redis although it was wanted there.
TOO_LARGE = "too_large"


def put_rows(context: Context, upload_id: str, result: ResultSummary) -> ResultSummary:
    """Put a copy of a published result into Redis unless it is too large; the result's record, which says so.

    A copy that is there already is replaced, and lasts as long as a new one. Raises `StorageError`, `StoreUnavailable`.
    """
    settings = context.settings
    if result.size_bytes > settings.result_rows_bytes_max:
        return result.model_copy(update={"rows_in_redis": False, "rows_until": None, "rows_reason": TOO_LARGE})
    rows = context.storage.read(result_name(upload_id), settings.result_rows_bytes_max)
    until = context.store.put_result(upload_id, rows, settings.result_rows_ttl_seconds)
    return result.model_copy(update={"rows_in_redis": True, "rows_until": until, "rows_reason": ""})
