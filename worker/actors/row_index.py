"""The row index of an upload: the one that staging left, or, where that is lost, another one like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.actors.list_staging import stage_upload
from worker.actors.names import kept_index
from worker.rows.dialect import Dialect
from worker.rows.errors import StagedOtherwise
from worker.rows.index import index_bytes
from worker.rows.scratch import scratch_errors
from worker.storage import NotFound
from worker.storage.copies import local_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.context import Context
    from worker.core.records import PartRecord, UploadRecord
    from worker.rows.parts import StagedPart
    from worker.rows.plain_list import PlainList
    from worker.rows.staging import Staged


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


def index_again(
    context: Context, upload: UploadRecord, parts: Sequence[PartRecord], plain: PlainList, folder: Path
) -> Path:
    """The index of the upload's input, made by staging that once more as it was read the first time.

    The numbers of an index mean something only beside the values that were sent: `parts` are all of the upload's, and
    staging has to give the same ones, whatever has changed in the program since. Its files go to the private `folder`.
    Raises as staging does, and `StagedOtherwise`.
    """
    again = folder / "staged-again"
    with scratch_errors(again):
        again.mkdir(exist_ok=True)
    staged = stage_upload(
        upload,
        plain,
        again,
        limits=context.limits,
        # Parts are split evenly, so their largest size gives the same split again.
        caps=(max(part.rows for part in parts),),
        on_progress=lambda _rows: None,
        dialect=Dialect.model_validate(upload.dialect),
    )
    _check_same(upload, parts, staged)
    return staged.index


def _check_same(upload: UploadRecord, parts: Sequence[PartRecord], staged: Staged) -> None:
    """Raise `StagedOtherwise` unless the parts are those that were staged the first time."""
    same = staged.rows == upload.rows and len(staged.parts) == len(parts)
    if not same or not all(map(_is_same, sorted(parts, key=lambda part: part.index), staged.parts)):
        raise StagedOtherwise(
            f"The row index of the upload {upload.upload_id} is lost, and this version of the program stages its list "
            "into other values than those that were sent, so that rows would be given verdicts of others. Nothing is "
            "lost: deliver it with the version that prepared it, or put the index back from a backup of the storage."
        )


def _is_same(part: PartRecord, again: StagedPart) -> bool:
    known = (part.index, part.rows, part.digest, part.values_sha256 or again.sha256)
    return known == (again.index, again.rows, again.values_digest, again.sha256)
