"""The row index of an upload: the one that staging left, or, where that is lost, another one like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.list_staging import stage_upload
from worker.actors.names import kept_index
from worker.rows.index import index_bytes
from worker.rows.scratch import scratch_errors
from worker.storage import NotFound
from worker.storage.copies import local_file

if TYPE_CHECKING:
    from pathlib import Path

    from worker.context import Context
    from worker.core.records import UploadRecord
    from worker.rows.plain_list import PlainList


def staged_index(context: Context, upload: UploadRecord, folder: Path) -> Path | None:
    """The index that staging left, as a local file; None where there is none of the upload's rows.

    A program that wrote no index may have staged the upload. Raises `StorageError`.
    """
    name = kept_index(upload)
    try:
        if context.storage.size(name) != index_bytes(upload.rows):
            return None
        return local_file(context.storage, name, folder)
    except NotFound:
        return None


def index_again(context: Context, upload: UploadRecord, plain: PlainList, folder: Path) -> Path:
    """The index of the upload's input, made by staging that once more.

    Its files go to the private `folder`, and parts of what size makes no difference. Raises as staging does.
    """
    again = folder / "staged-again"
    with scratch_errors(again):
        again.mkdir(exist_ok=True)
    staged = stage_upload(upload, plain, again, limits=context.limits, caps=(), on_progress=lambda _rows: None)
    return staged.index
